//! Uploads: a picture in the body of a request. Nothing of it is read before the caller was found to be allowed one, and no more than
//! it takes to see that it is none, or that it comes too slowly.

use crate::{
    app::App,
    input::plain,
    places::{Place, Uploads},
    refusal::Refusal,
    routes::Face,
};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use foundation::{Id, InstanceId, Problem, Result};
use futures_util::{Stream, StreamExt, stream};
use http::header;
use std::{fmt, pin::pin, sync::Arc, time::Duration};
use tokio::time::Instant;
use world::images::{self, Images, Square};

/// The most bytes of a picture.
pub const MOST_BYTES: usize = 10 * 1_024 * 1_024;
/// The most bytes around it.
const AROUND: usize = 64 * 1_024;
/// How fast it has to arrive.
const SLOWEST: Pace = Pace { grace: Duration::from_secs(10), bytes_per_second: 16 * 1_024, longest: Duration::from_secs(120) };
/// How many bytes tell what a file is.
const TELLING: usize = 12;
/// What a picture as text begins with.
const AS_TEXT: &[u8] = b"data:";
/// What backends may say beside a picture, and what says nothing: whoever has the secret key acts.
const KNOWN_BESIDE: &str = "uploader_user_id";

/// A picture that was sent and not read yet: as the field `file` of a form, as it is, or as a `data:` address.
pub struct Upload {
    images: Images,
    uploads: Arc<Uploads>,
    others: Others,
    kind: String,
    length: Option<u64>,
    body: Body,
}

/// What becomes of other fields beside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Skipped, as browsers' unknown fields are.
    Skipped,
    /// Refused by their names.
    Refused,
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        plain(request.headers())?;
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let length = text(header::CONTENT_LENGTH).and_then(|l| l.parse().ok());
        let others = if request.extensions().get::<Face>() == Some(&Face::Backend) { Others::Refused } else { Others::Skipped };
        Ok(Upload { images: app.world.images.clone(), uploads: Arc::clone(&app.uploads), others, kind, length, body: request.into_body() })
    }
}

impl Upload {
    /// Reads the picture and makes squares of it, outside of every transaction. While it arrives it takes a place of its owner (a user or an organization) and instance, and
    /// none of the workers.
    ///
    /// # Errors
    /// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`] where it is no picture; [`Problem::BodyTooLarge`]; [`Problem::BodyTooSlow`];
    /// [`Problem::Busy`].
    pub async fn squares(self, instance: InstanceId, owner: impl Id) -> Result<Vec<Square>> {
        let mut place = self.uploads.place(instance, owner)?;
        let images = self.images.clone();
        let bytes = self.read(&mut place, SLOWEST).await?;
        images.squares(bytes, place).await
    }

    async fn read(self, place: &mut Place, pace: Pace) -> Result<Vec<u8>, Problem> {
        if self.length.is_some_and(|length| length > (MOST_BYTES + AROUND) as u64) {
            return Err(Problem::BodyTooLarge(MOST_BYTES));
        }
        let kind = self.kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let parts = paced(self.body, pace);
        match kind.as_str() {
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(&self.kind).map_err(|_| unreadable("its boundary is missing"))?;
                field(multer::Multipart::new(parts, boundary), place, self.others).await
            }
            kind if kind == "application/octet-stream" || kind.starts_with("image/") => {
                let mut picture = Growing::default();
                let mut parts = pin!(parts);
                while let Some(part) = parts.next().await {
                    picture.add(&part.map_err(Broken::problem)?, place)?;
                }
                picture.whole()
            }
            _ => Err(unreadable("send multipart/form-data with a field file, or the picture itself as application/octet-stream")),
        }
    }
}

/// How fast a body has to arrive: after so long, at so many bytes a second on average, and whole in the end.
#[derive(Clone, Copy)]
struct Pace {
    grace: Duration,
    bytes_per_second: usize,
    longest: Duration,
}

impl Pace {
    /// For how long one may wait for more where so much is there.
    fn patience(self, received: usize) -> Duration {
        let earned = u64::try_from(received / self.bytes_per_second).unwrap_or(u64::MAX);
        self.grace.saturating_add(Duration::from_secs(earned)).min(self.longest)
    }
}

/// Why a body did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Slow,
    Off,
}

impl Broken {
    fn problem(self) -> Problem {
        match self {
            Broken::Slow => Problem::BodyTooSlow,
            Broken::Off => unreadable("it broke off"),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Broken::Slow { "too slow" } else { "broken off" })
    }
}

impl std::error::Error for Broken {}

/// The body's parts, as long as they come in time.
fn paced(body: Body, pace: Pace) -> impl Stream<Item = Result<Bytes, Broken>> + Send {
    let begun = Instant::now();
    stream::try_unfold((body.into_data_stream(), 0), move |(mut parts, received)| async move {
        match tokio::time::timeout_at(begun + pace.patience(received), parts.next()).await {
            Err(_) => Err(Broken::Slow),
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) => Err(Broken::Off),
            Ok(Some(Ok(part))) => {
                let received = received + part.len();
                Ok(Some((part, (parts, received))))
            }
        }
    })
}

fn unreadable(why: &'static str) -> Problem {
    Problem::BodyUnreadable(why.into())
}

/// The field `file` of a form. What stands around it is skipped, within bounds, or refused.
async fn field(mut form: multer::Multipart<'_>, place: &mut Place, others: Others) -> Result<Vec<u8>, Problem> {
    let (mut around, mut found) = (0, None);
    let broken = |error| match error {
        multer::Error::StreamReadFailed(why) => why.downcast_ref::<Broken>().copied().unwrap_or(Broken::Off).problem(),
        _ => unreadable("its parts do not fit together"),
    };
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default();
        let wanted = name == "file" && found.is_none();
        if others == Others::Refused && !wanted && name != KNOWN_BESIDE {
            return Err(Problem::ParamUnknown(name.chars().take(64).collect()));
        }
        let mut picture = Growing::default();
        while let Some(part) = field.chunk().await.map_err(broken)? {
            if wanted {
                picture.add(&part, place)?;
                continue;
            }
            around += part.len();
            if around > AROUND {
                return Err(Problem::BodyTooLarge(MOST_BYTES));
            }
        }
        if wanted {
            let picture = picture.whole()?;
            if others == Others::Skipped {
                return Ok(picture);
            }
            found = Some(picture);
        }
    }
    found.ok_or(Problem::ParamMissing("file"))
}

/// A picture that is arriving.
#[derive(Default)]
struct Growing(Vec<u8>);

impl Growing {
    fn add(&mut self, part: &Bytes, place: &mut Place) -> Result<(), Problem> {
        // Text is a third longer than what it stands for.
        if self.0.len() + part.len() > if self.0.starts_with(AS_TEXT) { MOST_BYTES / 3 * 4 + AROUND } else { MOST_BYTES } {
            return Err(Problem::BodyTooLarge(MOST_BYTES));
        }
        place.hold(part.len())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::UserId;
    use foundation::{Id, Timestamp, random::Seeded};

    #[test]
    fn patience_grows_with_what_has_arrived_and_ends() {
        let seconds = |received| SLOWEST.patience(received).as_secs();
        assert_eq!((seconds(0), seconds(16 * 1_024), seconds(160 * 1_024), seconds(usize::MAX)), (10, 11, 20, 120));
    }

    /// As Slowloris does: bytes that come one after another without end.
    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up_and_its_place_is_free() {
        let uploads = Arc::new(Uploads::default());
        let id = |seed| Seeded::new(seed);
        let (instance, user) = (InstanceId::new(Timestamp::default(), &mut id(1)), UserId::new(Timestamp::default(), &mut id(2)));
        for kind in ["image/png", "multipart/form-data; boundary=x"] {
            let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"--x\r\n"))]).chain(stream::pending());
            let body = Body::from_stream(begun);
            let upload = Upload {
                images: Images::for_this_machine(),
                uploads: Arc::clone(&uploads),
                others: Others::Skipped,
                kind: kind.to_owned(),
                length: None,
                body,
            };
            let mut place = uploads.place(instance, user).expect("a place");
            let impatient = Pace { grace: Duration::ZERO, ..SLOWEST };
            assert_eq!(upload.read(&mut place, impatient).await, Err(Problem::BodyTooSlow), "{kind}");
        }
        assert!(uploads.place(instance, user).is_ok() && uploads.place(instance, user).is_ok());
    }
}
