//! `shifu serve`.

use std::net::SocketAddr;

use anyhow::Context;
use shifu_server::{AppState, Config, serve, stop_signal};
use tokio::net::TcpListener;

use crate::output::Failure;
use crate::session::{Session, block_on, failed};

pub(crate) fn run(listen: Option<SocketAddr>, mut config: Config) -> Result<(), Failure> {
    if let Some(listen) = listen {
        config.listen = listen;
    }
    block_on(async {
        let session = Session::open(config).await?;
        if let Some(key) = session.engine().first_key().await.map_err(failed)? {
            eprintln!(
                "no key existed yet; an admin key was made and is shown only now: {}",
                key.key
            );
        }
        listen_and_serve(session.into_state()).await
    })
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn listen_and_serve(state: AppState) -> Result<(), Failure> {
    let address = state.config().listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    eprintln!("shifu listens on http://{address}  (API description: http://{address}/docs)");
    serve(state, listener, stop_signal()).await.map_err(failed)
}
