//! What a key limited to brands or service providers sees, where records name a key, a ticket or another inspection rather than
//! a brand or a provider.

use shifu_domain::{FindingKind, TicketId};
use shifu_store::{InspectionRecord, KeyRecord, NewKey, StoreError};

use super::{Engine, InspectionReply};
use crate::access::Caller;
use crate::error::ApiError;

impl Engine {
    /// The keys whose doings the caller may look at: its own and those limited to no more than itself. Empty: every key's.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub async fn visible_keys(&self, caller: &Caller) -> Result<Vec<String>, ApiError> {
        if !caller.is_limited() {
            return Ok(Vec::new());
        }
        let keys = self.keys(caller).await?.into_iter().map(|key| key.key_id);
        // The caller's own stands there even should its key have been removed meanwhile: an empty list would mean every key.
        let mut visible: Vec<String> = keys.chain([caller.key_id.clone()]).collect();
        visible.sort();
        visible.dedup();
        Ok(visible)
    }

    /// Keys that the caller may see, newest first, revoked ones included.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<KeyRecord>, ApiError> {
        let mut keys = self.store.keys().await?;
        keys.retain(|key| caller.encloses(&key.brands, &key.service_providers));
        Ok(keys)
    }

    /// Refuses a key that would see more than its maker.
    pub(super) fn check_new_key(caller: &Caller, key: &NewKey) -> Result<(), ApiError> {
        if caller.encloses(&key.brands, &key.service_providers) {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "a key limited to brands or service providers makes only keys limited to some of the same",
        ))
    }

    /// Whether the caller may remove that key.
    pub(super) async fn check_key(&self, caller: &Caller, key_id: &str) -> Result<(), ApiError> {
        if !caller.is_limited() || self.visible_keys(caller).await?.iter().any(|one| one == key_id) {
            return Ok(());
        }
        Err(not_there("key", key_id))
    }

    /// A key limited to service providers removes only tickets of theirs: every inspection of it is.
    pub(super) async fn check_ticket(&self, caller: &Caller, ticket_id: &TicketId) -> Result<(), ApiError> {
        if caller.service_providers.is_empty() {
            return Ok(());
        }
        let providers = self.store.ticket_providers(ticket_id.as_str()).await?;
        let all_seen = providers
            .iter()
            .all(|provider| caller.sees_provider(provider.as_deref()));
        if all_seen && !providers.is_empty() {
            return Ok(());
        }
        Err(not_there("ticket", ticket_id.as_str()))
    }

    /// The inspection as the caller sees it: an earlier attempt of somebody else's is not named, nor is the ticket of somebody else's
    /// that a photo was taken from.
    ///
    /// # Errors
    /// `Internal` when the kept verdict cannot be read.
    pub async fn reply_to(
        &self,
        caller: &Caller,
        record: &InspectionRecord,
    ) -> Result<InspectionReply, ApiError> {
        let mut reply = self.reply(record)?;
        if caller.service_providers.is_empty() {
            return Ok(reply);
        }
        if let Some(earlier) = &reply.replaces
            && !self.sees_inspection(caller, earlier).await?
        {
            reply.replaces = None;
        }
        let duplicates = reply
            .findings
            .iter_mut()
            .filter(|finding| finding.kind == FindingKind::Duplicate);
        for finding in duplicates {
            let seen = match identifier_in(&finding.evidence) {
                Some(other) => self.sees_inspection(caller, other).await?,
                None => false,
            };
            if !seen {
                finding.evidence = "与其他服务商工单的照片重复：请核实是否盗用旧照片".to_owned();
            }
        }
        Ok(reply)
    }

    async fn sees_inspection(&self, caller: &Caller, inspection_id: &str) -> Result<bool, ApiError> {
        match self.store.inspection(inspection_id).await {
            Ok(record) => Ok(caller.sees_provider(record.service_provider.as_deref())),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A change to a document that other brands share is not for a key limited to some.
    pub(super) fn check_shared_document(
        caller: &Caller,
        document: &shifu_store::DocumentRecord,
    ) -> Result<(), ApiError> {
        if caller.brands.is_empty() || document.metadata.brand.is_some() {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "this document belongs to every brand; a key limited to brands may not change it",
        ))
    }
}

fn not_there(kind: &str, id: &str) -> ApiError {
    StoreError::NotFound {
        what: format!("{kind} {id:?}"),
    }
    .into()
}

/// The first UUID in a text: a photo is called `<inspection>/<position>` in evidence.
fn identifier_in(text: &str) -> Option<&str> {
    const LENGTH: usize = 36;
    text.char_indices()
        .filter_map(|(at, _)| text.get(at..at + LENGTH))
        .find(|candidate| uuid::Uuid::try_parse(candidate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inspection_of_a_duplicate_is_found_in_its_evidence() {
        let id = "0192f0c1-2b3c-7d4e-8f50-123456789abc";
        let evidence = format!("与工单 T-1 的照片 {id}/3 重复（文件完全相同）；共 1 张相同照片");
        assert_eq!(identifier_in(&evidence), Some(id));
        assert_eq!(identifier_in("与工单 T-1 的照片重复"), None);
        assert_eq!(identifier_in(&id[..35]), None);
    }
}
