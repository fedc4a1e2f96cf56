//! Uploads: a picture in the body of a request. Nothing of it is read before the caller was found to be allowed one, and no more than
//! it takes to see that it is none.

use crate::{app::App, refusal::Refusal};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use foundation::{Problem, Result};
use futures_util::StreamExt;
use http::header;
use std::{sync::Arc, time::Duration};
use world::images::{self, Images, Square};

/// The most bytes of a picture.
pub const MOST_BYTES: usize = 10 * 1_024 * 1_024;
/// The most bytes around it.
const AROUND: usize = 64 * 1_024;
/// How long it may take to arrive.
const SLOWEST: Duration = Duration::from_secs(120);
/// How many bytes tell what a file is.
const TELLING: usize = 12;
/// What a picture as text begins with.
const AS_TEXT: &[u8] = b"data:";

/// A picture that was sent and not read yet: as the field `file` of a form, as it is, or as a `data:` address.
pub struct Upload {
    images: Images,
    kind: String,
    length: Option<u64>,
    body: Body,
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let length = text(header::CONTENT_LENGTH).and_then(|l| l.parse().ok());
        Ok(Upload { images: app.world.images.clone(), kind, length, body: request.into_body() })
    }
}

impl Upload {
    /// Reads the picture and makes squares of it, outside of every transaction.
    ///
    /// # Errors
    /// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`] where it is no picture; [`Problem::BodyTooLarge`]; [`Problem::Busy`].
    pub async fn squares(self) -> Result<Vec<Square>> {
        let place = self.images.place()?;
        let bytes = tokio::time::timeout(SLOWEST, self.read()).await.map_err(|_| Problem::BodyTooSlow)??;
        place.squares(bytes).await
    }

    async fn read(self) -> Result<Vec<u8>, Problem> {
        if self.length.is_some_and(|length| length > (MOST_BYTES + AROUND) as u64) {
            return Err(Problem::BodyTooLarge(MOST_BYTES));
        }
        let kind = self.kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(&self.kind).map_err(|_| unreadable("its boundary is missing"))?;
                field(multer::Multipart::new(self.body.into_data_stream(), boundary)).await
            }
            kind if kind == "application/octet-stream" || kind.starts_with("image/") => {
                let mut picture = Growing::default();
                let mut parts = self.body.into_data_stream();
                while let Some(part) = parts.next().await {
                    picture.add(&part.map_err(|_| unreadable("it broke off"))?)?;
                }
                picture.whole()
            }
            _ => Err(unreadable("send multipart/form-data with a field file, or the picture itself as application/octet-stream")),
        }
    }
}

fn unreadable(why: &'static str) -> Problem {
    Problem::BodyUnreadable(why.into())
}

/// The field `file` of a form. What stands around it is skipped, within bounds.
async fn field(mut form: multer::Multipart<'_>) -> Result<Vec<u8>, Problem> {
    let mut around = 0;
    let broken = |_| unreadable("its parts do not fit together");
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let wanted = field.name() == Some("file");
        let mut picture = Growing::default();
        while let Some(part) = field.chunk().await.map_err(broken)? {
            if wanted {
                picture.add(&part)?;
                continue;
            }
            around += part.len();
            if around > AROUND {
                return Err(Problem::BodyTooLarge(MOST_BYTES));
            }
        }
        if wanted {
            return picture.whole();
        }
    }
    Err(Problem::ParamMissing("file"))
}

/// A picture that is arriving.
#[derive(Default)]
struct Growing(Vec<u8>);

impl Growing {
    fn add(&mut self, part: &Bytes) -> Result<(), Problem> {
        // Text is a third longer than what it stands for.
        if self.0.len() + part.len() > if self.0.starts_with(AS_TEXT) { MOST_BYTES / 3 * 4 + AROUND } else { MOST_BYTES } {
            return Err(Problem::BodyTooLarge(MOST_BYTES));
        }
        let told = self.0.len() >= TELLING;
        self.0.extend_from_slice(part);
        if !told && self.0.len() >= TELLING && !self.0.starts_with(AS_TEXT) && images::recognise(&self.0).is_none() {
            return Err(images::unknown());
        }
        Ok(())
    }

    fn whole(self) -> Result<Vec<u8>, Problem> {
        if self.0.is_empty() {
            return Err(Problem::ParamMissing("file"));
        }
        if !self.0.starts_with(AS_TEXT) {
            return Ok(self.0);
        }
        let text = std::str::from_utf8(&self.0).ok().and_then(|text| text.split_once(";base64,"));
        let (_, text) = text.ok_or_else(images::unknown)?;
        STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() <= MOST_BYTES).ok_or_else(images::unknown)
    }
}
