//! The program `sitewise-local`: reads its arguments and serves until it is told to stop.

use std::io::{self, Write as _};
use std::process::ExitCode;

use sitewise_local::{Server, program};

mod arguments;
mod publisher;

fn main() -> ExitCode {
    let command = arguments::parse(std::env::args().skip(1));
    program::run("sitewise-local", arguments::HELP, command, run)
}

fn run(mut serve: arguments::Serve) -> io::Result<()> {
    let runtime = program::runtime()?;
    if let Some(server) = serve.notify.take() {
        let (notify, events) = publisher::publisher(server);
        serve.options.notify = Some(notify);
        runtime.spawn(publisher::keep(events));
    }
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
    runtime.block_on(async move { server.run(program::told_to_stop()?).await })
}
