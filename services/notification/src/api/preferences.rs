//! What people want to hear of.

use actix_web::web::{Data, Json};
use actix_web::{get, put};
use exchange_platform::{Caller, Hops, Peer, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::announcement::PURPOSE;
use crate::store::Store;

const CONSENTS: &str = "/v1/users/me/consents";

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// Fills of one's orders
    #[schema(example = true)]
    fills: bool,
    /// New versions of the exchange; only with consent to the purpose `announcements`
    #[schema(example = false)]
    announcements: bool,
}

/// What user says about the caller's consents.
#[derive(Deserialize)]
struct Consents {
    current: Vec<Consent>,
}

#[derive(Deserialize)]
struct Consent {
    purpose: String,
    granted: bool,
}

/// What the caller hears of: what they asked for, as far as they consented
#[utoipa::path(responses((status = 200, body = Preferences)), security(("token" = [])))]
#[get("/v1/preferences")]
pub async fn show(
    store: Data<Store>,
    user: Data<Peer>,
    caller: Caller,
    hops: Hops,
) -> Result<Json<Preferences>, Problem> {
    let wanted = store.preferences(caller.user).await?;
    let announcements = wanted.as_ref().is_none_or(|wanted| wanted.announcements);
    Ok(Json(Preferences {
        fills: wanted.is_none_or(|wanted| wanted.fills),
        announcements: announcements && agreed(&user, &caller, &hops).await?,
    }))
}

/// Say what the caller wants to hear of
///
/// Announcements need consent to the purpose of that name first (user, `POST /v1/users/me/consents`).
#[utoipa::path(responses((status = 200, body = Preferences)), security(("token" = [])))]
#[put("/v1/preferences")]
pub async fn set(
    store: Data<Store>,
    user: Data<Peer>,
    caller: Caller,
    hops: Hops,
    body: Json<Preferences>,
) -> Result<Json<Preferences>, Problem> {
    if body.announcements && !agreed(&user, &caller, &hops).await? {
        let detail = "You have not agreed to announcements. Consent to the purpose `announcements` first: \
            POST /v1/users/me/consents.";
        return Err(Problem::conflict("consent", detail));
    }
    let kept = store.prefer(
        caller.user,
        body.fills,
        body.announcements,
        caller.synthetic,
    );
    if !kept.await? {
        return Err(Problem::not_found("There is no such account any more."));
    }
    Ok(body)
}

async fn agreed(user: &Peer, caller: &Caller, hops: &Hops) -> Result<bool, Problem> {
    let consents: Consents = user.get(CONSENTS, Some(&caller.token), hops).await?;
    let granted = |consent: &Consent| consent.purpose == PURPOSE && consent.granted;
    Ok(consents.current.iter().any(granted))
}
