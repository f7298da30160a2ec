//! The program `iot-local`: reads its arguments and serves until it is told to stop.

use std::io::{self, Write as _};
use std::process::ExitCode;

use iot_local::Server;
use sitewise_local::program;

mod arguments;

fn main() -> ExitCode {
    let command = arguments::parse(std::env::args().skip(1));
    program::run("iot-local", arguments::HELP, command, run)
}

fn run(serve: arguments::Serve) -> io::Result<()> {
    let runtime = program::runtime()?;
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
    runtime.block_on(async move { server.run(program::told_to_stop()?).await })
}
