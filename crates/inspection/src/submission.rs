//! What a technician submits: a ticket, photos, and what the app knows about each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shifu_domain::{CategoryId, CheckpointId, InvalidName, ModelNumber, Place, TicketId};

/// Before or after the work.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// On arrival.
    Before,
    /// Before leaving.
    #[default]
    After,
}

/// The visit the photos belong to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ticket {
    /// The operator's number.
    pub ticket_id: TicketId,
    /// The standard to inspect by.
    pub category: CategoryId,
    /// Before or after the work.
    #[serde(default)]
    pub stage: Stage,
    /// The appliance's model, for the nameplate check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelNumber>,
    /// The appliance's serial, for the nameplate check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Where the visit is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
    /// Arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub visited_from: Option<Timestamp>,
    /// Departure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub visited_to: Option<Timestamp>,
    /// Who installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installer_id: Option<String>,
    /// For which company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_provider_id: Option<String>,
}

impl Ticket {
    /// A ticket of which nothing else is known.
    ///
    /// # Errors
    /// `InvalidName` when one of the two is malformed.
    pub fn new(ticket_id: &str, category: &str) -> Result<Self, InvalidName> {
        Ok(Self {
            ticket_id: TicketId::new(ticket_id)?,
            category: CategoryId::new(category)?,
            stage: Stage::After,
            model: None,
            serial: None,
            location: None,
            visited_from: None,
            visited_to: None,
            installer_id: None,
            service_provider_id: None,
        })
    }
}

/// Where the app took the photo from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhotoSource {
    /// Shot in the app.
    #[default]
    Camera,
    /// Chosen from the album.
    Album,
}

/// What the app says about one photo.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct PhotoMeta {
    /// Name of the uploaded part it belongs to.
    pub file: String,
    /// The checkpoint the technician says it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    /// Time of the shot by the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub captured_at: Option<Timestamp>,
    /// Place of the shot by the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
    /// Camera or album.
    pub source: PhotoSource,
    /// The phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Why the technician submits in spite of the advice given on site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_note: Option<String>,
}

/// One photo as submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmittedPhoto {
    /// What the app says about it.
    pub meta: PhotoMeta,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Everything of one `POST /v1/inspections`.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The visit.
    pub ticket: Ticket,
    /// In the order of upload; findings name them by position.
    pub photos: Vec<SubmittedPhoto>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_and_metadata_are_read_from_the_contracts_json() {
        let ticket: Ticket = serde_json::from_str(
            r#"{"ticket_id":"T-1","category":"split_air_conditioner_install","stage":"after","model":"kfr-35gw/qh1",
                "location":{"lat":24.5,"lon":118.1,"datum":"gcj02"},"visited_from":"2025-05-01T09:00:00+08:00"}"#,
        )
        .unwrap();
        assert_eq!(ticket.model.unwrap().as_str(), "KFR-35GW/QH1");
        assert_eq!(ticket.visited_from.unwrap().to_string(), "2025-05-01T01:00:00Z");
        let meta: Vec<PhotoMeta> =
            serde_json::from_str(r#"[{"file":"a.jpg"},{"file":"b.jpg","source":"album"}]"#).unwrap();
        assert_eq!(
            (meta[0].source, meta[1].source),
            (PhotoSource::Camera, PhotoSource::Album)
        );
        assert!(serde_json::from_str::<Ticket>(r#"{"ticket_id":"T-1","category":"Not Valid"}"#).is_err());
    }
}
