//! The program `sitewise-local`: reads its arguments and serves until it is told to stop.

use std::io::{self, Write as _};
use std::process::ExitCode;

use sitewise_local::Server;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

mod arguments;

use arguments::Command;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            let _ = writeln!(io::stderr(), "sitewise-local: {message}\nTry sitewise-local --help");
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
            let _ = writeln!(io::stderr(), "sitewise-local: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(serve: arguments::Serve) -> io::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = Server::bind(serve.listen, serve.options)?;
    let address = server.local_addr();
    let mut out = io::stdout();
    writeln!(out, "sitewise-local listens on http://{address}")?;
    writeln!(
        out,
        "  AWS CLI:  export AWS_ENDPOINT_URL_IOTSITEWISE=http://x@{address} AWS_REGION=us-east-1 \\"
    )?;
    writeln!(out, "              AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")?;
    writeln!(out, "            aws iotsitewise list-asset-models")?;
    writeln!(out, "  usage:    curl http://{address}/_sitewise/usage")?;
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
