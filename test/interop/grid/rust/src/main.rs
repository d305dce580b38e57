//! grid in Rust: the Conf server and the driver of grid.md, on capnp-rpc.
mod drive;
mod serve;

capnp::generated_code!(pub mod conf_capnp);

use capnp_rpc::{rpc_twoparty_capnp::Side, twoparty::VatNetwork, RpcSystem};
use futures::AsyncReadExt;
use tokio_util::compat::TokioAsyncReadCompatExt;

async fn serve(address: &str) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let root = serve::new_conf();

    println!("ready");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.compat().split();
        let network = VatNetwork::new(reader, writer, Side::Server, Default::default());
        let rpc = RpcSystem::new(Box::new(network), Some(root.clone().client));
        tokio::task::spawn_local(rpc);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();

    match args.get(1).map(String::as_str) {
        Some("serve") if args.len() == 3 => local
            .block_on(&runtime, serve(&args[2]))
            .expect("it listens"),
        Some("drive") if args.len() >= 3 => {
            let failed = local.block_on(&runtime, drive::drive(&args[2], &args[3..]));
            std::process::exit(i32::from(failed > 0));
        }
        _ => {
            eprintln!("usage: grid serve|drive HOST:PORT [CASE...]");
            std::process::exit(2);
        }
    }
}
