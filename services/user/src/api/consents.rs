//! What people agree to.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem, next_page, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::users::gone;
use crate::domain::consents::{ConsentError, PURPOSES, Purpose, agreed, purpose};
use crate::domain::roles::OPERATOR;
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgreedPage {
    /// Leave out this user and those before: the `next` of the page before
    after: Option<Uuid>,
    /// At most so many; 1000 when absent, 1000 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct AgreedUsers {
    users: Vec<Uuid>,
    /// What to send as `after` for the next page; absent on the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
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

/// Who agrees to a purpose now, in the order of their ids
///
/// Pseudonyms only, on behalf of an operator. Accounts of journeys are nobody's, and left out.
#[utoipa::path(
    tag = "internal",
    params(("purpose" = String, Path, example = "announcements"), AgreedPage),
    responses((status = 200, body = AgreedUsers)),
    security(("token" = []))
)]
#[get("/internal/purposes/{purpose}/users")]
pub async fn agreed_users(
    store: Data<Store>,
    caller: Caller,
    name: Path<String>,
    page: Query<AgreedPage>,
) -> Result<Json<AgreedUsers>, Problem> {
    caller.require_role(OPERATOR)?;
    let purpose = purpose(&name).map_err(|error| Problem::not_found(error.to_string()))?;
    let limit = page.limit.unwrap_or(1000).clamp(1, 1000);
    let after = page.after.unwrap_or_default();
    let users = store.who_agrees(purpose, after, i64::from(limit)).await?;
    let next = next_page(&users, limit, |last| *last);
    Ok(Json(AgreedUsers { users, next }))
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
