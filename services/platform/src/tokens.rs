//! Tokens: what they say, and who calls, proven by one.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::key_set::KeySet;
use crate::problem::Problem;

pub(crate) const ISSUER: &str = "exchange";

/// What a token says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: Uuid,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    synthetic: bool,
    iat: u64,
    exp: u64,
}

/// Whom a token is for, and what they may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user's id.
    pub user: Uuid,
    /// Roles, such as `operator`.
    pub roles: Vec<String>,
    /// Whether the account belongs to a journey: it trades with its like only.
    pub synthetic: bool,
}

impl Claims {
    pub(crate) fn new(subject: Subject, now: u64, ttl: u64) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            sub: subject.user,
            roles: subject.roles,
            synthetic: subject.synthetic,
            iat: now,
            exp: now.saturating_add(ttl),
        }
    }
}

impl From<Claims> for Subject {
    fn from(claims: Claims) -> Self {
        Self {
            user: claims.sub,
            roles: claims.roles,
            synthetic: claims.synthetic,
        }
    }
}

/// The user who sent a request, proven by its token. A handler that takes one answers 401 without.
pub struct Caller {
    /// The user's id.
    pub user: Uuid,
    /// The user's roles.
    pub roles: Vec<String>,
    /// Whether the account belongs to a journey.
    pub synthetic: bool,
    /// The token, to be forwarded to other services and nowhere else.
    pub token: String,
}

impl Caller {
    /// Refuses whoever is not this user and lacks a role.
    ///
    /// # Errors
    /// 403 for anybody else.
    pub fn require_self_or_role(&self, user: Uuid, role: &str) -> Result<(), Problem> {
        if self.user == user {
            return Ok(());
        }
        self.require_role(role)
    }

    /// Refuses whoever lacks a role.
    ///
    /// # Errors
    /// 403 when the caller lacks the role.
    pub fn require_role(&self, role: &str) -> Result<(), Problem> {
        if self.roles.iter().any(|own| own == role) {
            return Ok(());
        }
        let detail = format!("This needs the role {role}.");
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "role",
            "Not permitted",
            detail,
        ))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|h| h.to_str().ok());
        let token = header
            .and_then(|h| h.strip_prefix("Bearer "))
            .map(str::to_owned);
        let keys = request.app_data::<KeySet>().cloned();
        Box::pin(async move {
            let Some(token) = token else {
                return Err(Problem::unauthorized(
                    "Send `Authorization: Bearer` with a token.",
                ));
            };
            let keys = keys.ok_or_else(Problem::internal)?;
            let Subject {
                user,
                roles,
                synthetic,
            } = keys.verify(&token).await?;
            Ok(Self {
                user,
                roles,
                synthetic,
                token,
            })
        })
    }
}
