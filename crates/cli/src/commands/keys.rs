//! `shifu keys create|list|revoke`: works on the records alone, beside a running server.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};
use shifu_server::{Config, engine};
use shifu_store::{KeyRecord, NewKey, Store};

use crate::args::Keys;
use crate::output::{Failure, Output};
use crate::session::{block_on, failed};

pub(crate) fn run(command: Keys, config: &Config) -> Result<Output, Failure> {
    block_on(async {
        let opened = match &config.database_url {
            Some(url) => Store::open_url(url, &config.data).await,
            None => Store::open(&config.data).await,
        };
        let store = opened.map_err(|error| failed(error.into()))?;
        let output = match command {
            Keys::Create { role, name } => {
                let key = NewKey {
                    role,
                    name: name.unwrap_or_default(),
                    ..NewKey::default()
                };
                let created = engine::create_key(&store, "local", &key).await.map_err(failed)?;
                Output {
                    text: format!(
                        "{}\n只显示这一次，请保存好。编号 {}，角色 {}",
                        created.key, created.key_id, key.role
                    ),
                    json: json!({ "key": created.key, "key_id": created.key_id, "role": key.role }),
                }
            }
            Keys::List => list(&store).await?,
            Keys::Revoke { id } => {
                store
                    .revoke_key(&id)
                    .await
                    .map_err(|error| failed(error.into()))?;
                let detail = json!({});
                store
                    .add_audit("local", "key.revoke", &id, &detail)
                    .await
                    .map_err(|error| failed(error.into()))?;
                Output {
                    text: format!("revoked {id}"),
                    json: json!({ "key_id": id, "revoked": true }),
                }
            }
        };
        store.close().await;
        Ok(output)
    })
}

async fn list(store: &Store) -> Result<Output, Failure> {
    let keys = store.keys().await.map_err(|error| failed(error.into()))?;
    let mut text = String::new();
    for key in &keys {
        let state = if key.revoked_at.is_some() {
            "revoked"
        } else {
            "works"
        };
        let _ = writeln!(text, "{}  {:<11} {:<8} {}", key.key_id, key.role, state, key.name);
    }
    let items: Vec<Value> = keys.iter().map(shown).collect();
    Ok(Output {
        text,
        json: json!({ "items": items, "next_cursor": null }),
    })
}

/// A key as `GET /v1/keys` shows it: never its secret.
fn shown(key: &KeyRecord) -> Value {
    let time = |ms: i64| {
        Timestamp::from_millisecond(ms)
            .map(|at| at.to_string())
            .unwrap_or_default()
    };
    json!({
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role,
        "brands": key.brands,
        "service_providers": key.service_providers,
        "created_at": time(key.created_at),
        "revoked_at": key.revoked_at.map(time),
    })
}
