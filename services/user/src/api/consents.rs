//! What people agree to.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::users::gone;
use crate::domain::consents::{ConsentError, PURPOSES, Purpose, agreed};
use crate::store::Store;
use crate::store::consents::Consent;

#[derive(Serialize, ToSchema)]
pub struct Purposes {
    purposes: Vec<PurposeDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Purpose)]
struct PurposeDocument {
    name: &'static str,
    /// Of the text
    version: i32,
    /// What the person is asked
    text: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct Consents {
    /// What counts now, for each purpose
    current: Vec<Current>,
    /// All that the caller ever said, oldest first
    history: Vec<ConsentDocument>,
}

#[derive(Serialize, ToSchema)]
struct Current {
    purpose: &'static str,
    /// Whether the caller's last word is consent to the text as it is now
    granted: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Consent)]
#[serde(rename_all = "camelCase")]
pub struct ConsentDocument {
    id: Uuid,
    purpose: String,
    version: i32,
    granted: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    #[schema(example = "announcements")]
    purpose: String,
    /// Of the text that the person was shown
    #[schema(example = 1)]
    version: i32,
    /// False takes consent back
    #[schema(example = true)]
    granted: bool,
}

/// What the exchange asks consent for
#[utoipa::path(responses((status = 200, body = Purposes)))]
#[get("/v1/purposes")]
pub async fn purposes() -> Json<Purposes> {
    let document = |purpose: &'static Purpose| PurposeDocument {
        name: purpose.name,
        version: purpose.version,
        text: purpose.text,
    };
    Json(Purposes {
        purposes: PURPOSES.iter().map(document).collect(),
    })
}

/// What the caller agreed to
#[utoipa::path(responses((status = 200, body = Consents)), security(("token" = [])))]
#[get("/v1/users/me/consents")]
pub async fn list(store: Data<Store>, caller: Caller) -> Result<Json<Consents>, Problem> {
    store.standing(caller.user).await?.ok_or_else(gone)?;
    let history = store.consents(caller.user).await?;
    let current = |purpose: &'static Purpose| {
        let said = history.iter().rfind(|said| said.purpose == purpose.name);
        Current {
            purpose: purpose.name,
            granted: purpose.is_granted(said.map(|said| (said.version, said.granted))),
        }
    };
    Ok(Json(Consents {
        current: PURPOSES.iter().map(current).collect(),
        history: history.into_iter().map(document).collect(),
    }))
}

/// Give consent, or take it back
#[utoipa::path(responses((status = 201, body = ConsentDocument)), security(("token" = [])))]
#[post("/v1/users/me/consents")]
pub async fn say(
    store: Data<Store>,
    caller: Caller,
    body: Json<Said>,
) -> Result<HttpResponse, Problem> {
    let purpose = agreed(&body.purpose, body.version).map_err(refused)?;
    let said = store.add_consent(caller.user, purpose.name, purpose.version, body.granted);
    let consent = said.await?.ok_or_else(gone)?;
    Ok(HttpResponse::Created().json(document(consent)))
}

/// A consent as its person sees it.
pub fn document(consent: Consent) -> ConsentDocument {
    ConsentDocument {
        id: consent.id,
        purpose: consent.purpose,
        version: consent.version,
        granted: consent.granted,
        created_at: rfc3339(consent.created_micros),
    }
}

fn refused(error: ConsentError) -> Problem {
    match error {
        ConsentError::Purpose => Problem::unprocessable("purpose", error.to_string()),
        ConsentError::Version(_) => Problem::conflict("version", error.to_string()),
    }
}
