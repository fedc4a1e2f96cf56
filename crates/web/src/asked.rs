//! What is known of the request that this task answers, for the log and for errors: never what it carries, nor whose it is.

use crate::routes::Face;
use foundation::TraceId;
use std::cell::Cell;

tokio::task_local! {
    static ASKED: Asking;
}

/// A request, as the log names it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Its id, which errors carry too.
    pub trace: TraceId,
    /// The face that it knocked at.
    pub face: &'static str,
    /// The operation, if one was found.
    pub operation: Option<&'static str>,
}

/// What is found out on the way.
struct Asking {
    trace: TraceId,
    face: Cell<&'static str>,
    operation: Cell<Option<&'static str>>,
}

impl Asked {
    /// Answers a request, and says what was asked.
    pub async fn during<T>(trace: TraceId, answer: impl Future<Output = T>) -> (T, Asked) {
        ASKED
            .scope(Asking { trace, face: Cell::new("none"), operation: Cell::new(None) }, async {
                let answer = answer.await;
                (answer, ASKED.with(|asked| Asked { trace: asked.trace, face: asked.face.get(), operation: asked.operation.get() }))
            })
            .await
    }

    /// The id of the request that this task answers.
    pub fn trace() -> Option<TraceId> {
        ASKED.try_with(|asked| asked.trace).ok()
    }

    /// Notes at which face it is.
    pub fn at(face: &'static str) {
        let _ = ASKED.try_with(|asked| asked.face.set(face));
    }

    /// Notes which operation it is. The log's lines from here on say it too.
    pub(crate) fn is(face: Face, operation: &'static str) {
        let _ = ASKED.try_with(|asked| {
            asked.face.set(face.name());
            asked.operation.set(Some(operation));
        });
        tracing::Span::current().record("face", face.name()).record("operation", operation);
    }
}
