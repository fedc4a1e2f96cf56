//! What a problem says of itself.

use serde_json::{Value, json};
use std::borrow::Cow;

/// A problem's row of the table.
#[derive(Debug, PartialEq)]
pub struct Facts {
    /// HTTP status.
    pub status: u16,
    /// The wire contract's code.
    pub code: &'static str,
    /// A short sentence.
    pub message: Cow<'static, str>,
    /// What is wrong and what to do about it.
    pub long_message: Cow<'static, str>,
    /// The parameter that it is about.
    pub param: Option<Cow<'static, str>>,
    /// Further facts for programs.
    pub meta: Option<Value>,
    /// Seconds after which a repetition can succeed.
    pub retry_after: Option<u64>,
}

impl Facts {
    pub(super) fn short(mut self, message: String) -> Facts {
        self.message = message.into();
        self
    }
    pub(super) fn long(mut self, message: String) -> Facts {
        self.long_message = message.into();
        self
    }
    pub(super) fn on(mut self, param: impl Into<Cow<'static, str>>) -> Facts {
        self.param = Some(param.into());
        self
    }
    pub(super) fn with(mut self, meta: Value) -> Facts {
        self.meta = Some(meta);
        self
    }
    pub(super) fn after(mut self, seconds: u64) -> Facts {
        self.retry_after = Some(seconds);
        self
    }

    /// The object that stands in `errors[]`.
    pub fn body(self) -> Value {
        let mut meta = self.meta.unwrap_or_else(|| json!({}));
        if let (Some(param), Some(meta)) = (self.param, meta.as_object_mut()) {
            meta.insert("param_name".to_owned(), param.into());
        }
        json!({ "code": self.code, "message": self.message, "long_message": self.long_message, "meta": meta })
    }
}
