//! Everything that the exchange holds about the caller.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use exchange_platform::{Caller, Hops, Platform, Problem, rfc3339};
use futures::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use uuid::Uuid;

use super::consents::{self, ConsentDocument};
use super::users::gone;
use crate::domain::audit::Action;
use crate::domain::credentials::Email;
use crate::exports::{self, Held, Whose};
use crate::state::Peers;
use crate::store::Store;
use crate::store::accounts::Profile;
use crate::store::audit::{Entry, Record};
use crate::store::export::{HeldAttempts, HeldSession};

/// Entries of the audit log that are read at once.
const PAGE: i64 = 1000;

#[derive(Serialize, ToSchema)]
#[schema(as = OwnExport)]
#[serde(rename_all = "camelCase")]
pub struct Own {
    account: AccountDocument,
    consents: Vec<ConsentDocument>,
    sessions: Vec<SessionDocument>,
    /// Attempts to log in that are still counted
    #[serde(skip_serializing_if = "Option::is_none")]
    login_attempts: Option<AttemptsDocument>,
    audit_log: Vec<EntryDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExportedAccount)]
#[serde(rename_all = "camelCase")]
struct AccountDocument {
    id: Uuid,
    email: String,
    name: Option<String>,
    standing: String,
    /// Who restricts it: `person`, `operator`
    restricted_by: Vec<String>,
    roles: Vec<String>,
    synthetic: bool,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExportedSession)]
#[serde(rename_all = "camelCase")]
struct SessionDocument {
    id: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    prolonged_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExportedAttempts)]
#[serde(rename_all = "camelCase")]
struct AttemptsDocument {
    attempts: i32,
    #[schema(format = DateTime)]
    began_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExportedAuditEntry)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    id: Uuid,
    /// Absent where the exchange itself did it
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Uuid>,
    action: String,
    /// What stood there before
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Everything that the exchange holds about a person
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written piece by piece")]
pub struct Export {
    #[schema(inline)]
    user: Own,
    /// Balances, and `entries`: deposits, withdrawals, orders and fills
    #[schema(value_type = Object)]
    trade: (),
    /// Preferences, and `notifications`
    #[schema(value_type = Object)]
    notification: (),
}

/// Everything that the exchange holds about the caller
///
/// From all services, as one JSON document. Secrets are left out: what they are made from only the caller
/// knows. An answer that breaks off is not complete; ask again.
#[utoipa::path(responses((status = 200, body = Export)), security(("token" = [])))]
#[get("/v1/users/me/export")]
pub async fn export(
    platform: Data<Platform>,
    store: Data<Store>,
    peers: Data<Peers>,
    hops: Hops,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let record = Record::own(caller.user, Action::Exported);
    let profile = store.profile(caller.user).await?.ok_or_else(gone)?;
    store.record(record).await?;
    let own = own(&store, profile).await?;
    let begun = serde_json::to_string(&serde_json::json!({ "user": own }));
    let begun = begun.map_err(|_| Problem::internal())?;
    let whose = Whose {
        user: caller.user,
        token: &caller.token,
        hops: &hops,
    };
    let held = [
        Held::open("trade", "entries", &peers.trade, &whose).await?,
        Held::open("notification", "notifications", &peers.notification, &whose).await?,
    ];
    let (to, mut chunks) = mpsc::channel(1);
    platform.spawn(exports::write(begun, held, to));
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"export.json\""))
        .streaming(stream::poll_fn(move |context| chunks.poll_recv(context))))
}

async fn own(store: &Store, profile: Profile) -> Result<Own, Problem> {
    let user = profile.account.id;
    let consents = store.consents(user).await?;
    let sessions = store.sessions(user).await?;
    let login_attempts = match Email::parse(&profile.email) {
        Ok(email) => store.attempts(&email).await?,
        Err(_) => None,
    };
    let mut audit_log = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let entries = store.audit_log(Some(user), after, PAGE).await?;
        let previous = store.previous(user, &entries).await?;
        let Some(last) = entries.last() else { break };
        after = last.id;
        audit_log.extend(entries.into_iter().zip(previous).map(entry));
    }
    Ok(Own {
        account: account(profile),
        consents: consents.into_iter().map(consents::document).collect(),
        sessions: sessions.into_iter().map(session).collect(),
        login_attempts: login_attempts.map(attempts),
        audit_log,
    })
}

fn account(profile: Profile) -> AccountDocument {
    let account = profile.account;
    AccountDocument {
        id: account.id,
        email: profile.email,
        name: profile.name,
        standing: account.standing,
        restricted_by: account.restricted_by,
        roles: account.roles,
        synthetic: account.synthetic,
        created_at: rfc3339(account.created_micros),
    }
}

fn session(session: HeldSession) -> SessionDocument {
    SessionDocument {
        id: session.id,
        created_at: rfc3339(session.created_micros),
        prolonged_at: rfc3339(session.rotated_micros),
        expires_at: rfc3339(session.expires_micros),
    }
}

fn attempts(held: HeldAttempts) -> AttemptsDocument {
    AttemptsDocument {
        attempts: held.attempts,
        began_at: rfc3339(held.began_micros),
    }
}

fn entry((entry, previous): (Entry, Option<String>)) -> EntryDocument {
    EntryDocument {
        id: entry.id,
        actor: entry.actor,
        action: entry.action,
        previous,
        created_at: rfc3339(entry.created_micros),
    }
}
