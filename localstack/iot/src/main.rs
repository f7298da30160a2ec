//! The program `iot-local`: reads its arguments and serves until it is told to stop.

use std::io::{self, Write as _};
use std::process::ExitCode;

use iot_local::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

mod arguments;

use arguments::Command;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            let _ = writeln!(io::stderr(), "iot-local: {message}\nTry iot-local --help");
            return ExitCode::from(64);
        }
    };
    let outcome = match command {
        Command::Help => io::stdout().write_all(arguments::HELP.as_bytes()),
        Command::Serve(serve) => run(*serve),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "iot-local: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(serve: arguments::Serve) -> io::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let region = serve.options.region.clone();
    let server = Server::bind(serve.listen, serve.options)?;
    let address = server.local_addr();
    let mut out = io::stdout();
    writeln!(out, "iot-local listens on http://{address}")?;
    writeln!(out, "  AWS CLI:  export AWS_ENDPOINT_URL_IOT=http://{address} \\")?;
    writeln!(out, "              AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE=http://{address} \\")?;
    writeln!(out, "              AWS_DEFAULT_REGION={region} \\")?;
    writeln!(out, "              AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")?;
    writeln!(out, "            aws iot list-commands")?;
    out.flush()?;
    runtime.block_on(async move {
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        server.run(shutdown).await
    })
}
