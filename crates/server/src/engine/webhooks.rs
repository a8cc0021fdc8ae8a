//! Webhooks registered, attempts sent.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use sha2::Sha256;
use shifu_store::{Attempt, CreatedWebhook, Delivery, DeliveryStatus, EventKind, NewWebhook, Retry};

use super::Engine;
use crate::access::Caller;
use crate::error::{ApiError, chain};
use crate::outbound::{SendError, Target};

/// Most webhooks of an installation: every event is written once for each that wants it.
const MOST_WEBHOOKS: u32 = 100;
/// How much longer than an attempt its claim holds, so that its end can be recorded.
const RECORDING: Duration = Duration::from_secs(20);

static TIMESTAMP: HeaderName = HeaderName::from_static("shifu-timestamp");
static SIGNATURE: HeaderName = HeaderName::from_static("shifu-signature");
static EVENT_ID: HeaderName = HeaderName::from_static("shifu-event-id");

impl Engine {
    /// Registers a webhook; its secret is given this once. A name that cannot be resolved now is taken: it is judged again, and
    /// for good, whenever something is sent.
    ///
    /// # Errors
    /// `Unprocessable` for a URL that cannot or may not be sent to, `Conflict` when there are as many webhooks as there may be.
    pub async fn add_webhook(
        &self,
        caller: &Caller,
        url: &str,
        mut events: Vec<EventKind>,
    ) -> Result<CreatedWebhook, ApiError> {
        let target = Target::parse(url).map_err(|reason| ApiError::field("url", reason))?;
        match self.outbound.check(&target).await {
            Ok(()) | Err(SendError::Unresolved { .. } | SendError::Timeout(_)) => {}
            Err(error) => return Err(ApiError::field("url", error)),
        }
        events.sort_unstable();
        events.dedup();
        let webhook = NewWebhook {
            url: target.url().to_owned(),
            events,
            key_id: caller.key_id.clone(),
        };
        let created = self.store.add_webhook(&webhook, MOST_WEBHOOKS).await?;
        let detail = json!({"host": target.host(), "events": webhook.events});
        self.store
            .add_audit(
                &caller.key_id,
                "webhook.add",
                &created.webhook.webhook_id,
                &detail,
            )
            .await?;
        Ok(created)
    }

    /// Removes a webhook: what it is still owed is not sent.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_webhook(&self, caller: &Caller, webhook_id: &str) -> Result<(), ApiError> {
        self.store.remove_webhook(webhook_id).await?;
        self.store
            .add_audit(&caller.key_id, "webhook.remove", webhook_id, &json!({}))
            .await?;
        Ok(())
    }

    /// Sends a delivery again, or all that failed. Says how many.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        webhook_id: &str,
        delivery_id: Option<&str>,
    ) -> Result<u64, ApiError> {
        let queued = self.store.redeliver(webhook_id, delivery_id).await?;
        let detail = json!({"delivery_id": delivery_id, "deliveries": queued});
        self.store
            .add_audit(&caller.key_id, "webhook.redeliver", webhook_id, &detail)
            .await?;
        Ok(queued)
    }

    /// How long a delivery is claimed: an attempt and the recording of its end.
    pub(crate) fn delivery_lease_ms(&self) -> i64 {
        let lease = Duration::from_secs(self.config.webhooks.timeout_s) + RECORDING;
        lease.as_millis() as i64
    }

    /// Sends a claimed delivery and says how that ended. Only a reply of 2xx counts; redirects are not followed.
    pub(crate) async fn attempt(&self, delivery: &Delivery) -> Attempt {
        let start = Instant::now();
        let reply = self.send(delivery).await;
        let took_ms = start.elapsed().as_millis() as u64;
        match reply {
            Ok(status) if (200..300).contains(&status) => Attempt {
                response_status: Some(status),
                error: None,
                took_ms,
            },
            Ok(status) => Attempt {
                response_status: Some(status),
                error: Some(format!("the receiver answered {status}, which is no success")),
                took_ms,
            },
            Err(reason) => Attempt {
                response_status: None,
                error: Some(reason),
                took_ms,
            },
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<u16, String> {
        let target = Target::parse(&delivery.url)?;
        let headers = headers(delivery, jiff::Timestamp::now().as_second())?;
        let body = Bytes::from(delivery.body.clone());
        let sent = self.outbound.post(&target, headers, body).await;
        sent.map(|status| status.as_u16()).map_err(|error| chain(&error))
    }

    /// Records how an attempt ended; when it failed, the next one follows after twice the last wait.
    ///
    /// # Errors
    /// `Internal` or `Unavailable` when the store refuses.
    pub(crate) async fn record_attempt(
        &self,
        delivery: &Delivery,
        attempt: &Attempt,
    ) -> Result<Option<DeliveryStatus>, shifu_store::StoreError> {
        let config = &self.config.webhooks;
        let after_ms = backoff_ms(config.first_retry_ms, config.longest_retry_ms, delivery.attempts);
        let retry = Retry {
            after_ms: i64::try_from(after_ms).unwrap_or(i64::MAX / 4),
            within_ms: i64::try_from(config.retry_for_s.saturating_mul(1000)).unwrap_or(i64::MAX),
        };
        self.store.record_attempt(delivery, attempt, retry).await
    }
}

/// `first` after the first attempt, then twice the wait before, at most `longest`.
fn backoff_ms(first: u64, longest: u64, attempts: u32) -> u64 {
    let doublings = attempts.saturating_sub(1).min(32);
    first.saturating_mul(1 << doublings).min(longest)
}

fn headers(delivery: &Delivery, timestamp: i64) -> Result<HeaderMap, String> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    let signature = signature(&delivery.secret, timestamp, &delivery.body);
    Ok(HeaderMap::from_iter([
        (TIMESTAMP.clone(), HeaderValue::from(timestamp)),
        (SIGNATURE.clone(), value(&signature)?),
        (EVENT_ID.clone(), value(&delivery.event_id)?),
    ]))
}

/// `v1=` and the HMAC-SHA-256 (RFC 2104) of timestamp, a full stop and body, in hexadecimal. The key is the secret's text.
fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_another_implementation_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        assert_eq!(
            signature("whsec_test", 1_700_000_000, r#"{"a":1}"#),
            "v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789"
        );
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = (1..=12).map(|attempt| backoff_ms(5_000, 3_600_000, attempt) / 1000);
        assert_eq!(
            waits.collect::<Vec<_>>(),
            [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
        );
        assert_eq!(backoff_ms(5_000, 3_600_000, u32::MAX), 3_600_000);
        // 10 waits make 85 min; 22 further hours fit into the day: 33 attempts in all.
        let mut at_ms = 0;
        let attempts = (1..).take_while(|attempt| {
            let within = at_ms <= 86_400_000;
            at_ms += backoff_ms(5_000, 3_600_000, *attempt);
            within
        });
        assert_eq!(attempts.count(), 33);
    }
}
