//! Refusals: the one place where an error becomes an answer.

use crate::{answer::json, asked::Asked};
use axum::response::{IntoResponse, Response};
use foundation::{Error, Problem};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// A refused or broken request, ready to be shown.
pub struct Refusal {
    error: Error,
    client: Option<Value>,
    param: Option<&'static str>,
}

impl Refusal {
    /// Adds the client as it is now, so that the SDK knows it too.
    pub fn with_client(mut self, client: Option<Value>) -> Refusal {
        self.client = client;
        self
    }

    /// What the caller did wrong, if that is why.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match &self.error {
            Error::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// What the caller did wrong.
    ///
    /// # Errors
    /// The refusal itself where something else is why.
    pub fn refused(self) -> Result<Problem, Refusal> {
        match self.error {
            Error::Refused(problem) => Ok(*problem),
            error => Err(Refusal { error, ..self }),
        }
    }

    /// Says which parameter names what was not found.
    #[must_use]
    pub fn naming(mut self, param: &'static str) -> Refusal {
        if matches!(self.problem(), Some(Problem::NotFound)) {
            self.error = Problem::NamesNothing(param).into();
        }
        self
    }

    /// Names the parameter under which the caller gave what is wrong, where that is not its usual name.
    pub fn about(mut self, param: &'static str) -> Refusal {
        self.param = Some(param);
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { error, client: None, param: None }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Error::from(problem).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let trace = Asked::trace().map(|trace| trace.to_string()).unwrap_or_default();
        let problem = match self.error {
            Error::Refused(problem) => *problem,
            Error::Unavailable(why) | Error::Again(why) => {
                tracing::warn!(trace, why, "database unavailable");
                Problem::Busy(1)
            }
            Error::Conflict(constraint) => {
                tracing::error!(trace, constraint, "a conflict that no verb has named");
                Problem::Internal
            }
            Error::ReadOnly => {
                tracing::error!(trace, "a transaction that only reads had to write");
                Problem::Internal
            }
            Error::Broken(why) => {
                tracing::error!(trace, why, "broken");
                Problem::Internal
            }
        };
        let mut facts = problem.facts();
        if let (Some(usual), Some(given)) = (&mut facts.param, self.param) {
            *usual = given.into();
        }
        let status = StatusCode::from_u16(facts.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = facts.retry_after;
        let mut body = json!({ "errors": [facts.body()], "clerk_trace_id": trace });
        if let (Some(client), Some(fields)) = (self.client, body.as_object_mut()) {
            fields.insert("meta".to_owned(), json!({ "client": client }));
        }
        let mut response = json(status, &body);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
