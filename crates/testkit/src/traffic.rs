//! A recording of exchanges, one JSON object a line, for judging them against the wire contract.

use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::{Mutex, OnceLock},
};

static RECORDING: OnceLock<Option<Mutex<File>>> = OnceLock::new();

fn recording() -> Option<&'static Mutex<File>> {
    RECORDING
        .get_or_init(|| {
            let folder = std::env::var_os("INSULA_TRAFFIC")?;
            let path = std::path::Path::new(&folder).join(format!("it-{}.jsonl", std::process::id()));
            std::fs::create_dir_all(&folder).expect("the folder of the recording");
            Some(Mutex::new(OpenOptions::new().create(true).append(true).open(path).expect("the recording")))
        })
        .as_ref()
}

/// Whether the answer was given at the threshold, by no operation: the contract says nothing of it for some of them.
fn was_turned_away(body: &Value) -> bool {
    let refusal = &body["errors"][0];
    refusal["code"] == "clerk_key_invalid" || refusal["message"] == "Invalid platform token"
}

/// Records an exchange, if a recording is wanted.
pub(crate) fn record(face: &str, method: &str, path: &str, status: u16, content_type: &str, body: &Value) {
    if was_turned_away(body) {
        return;
    }
    if let Some(file) = recording() {
        let source = std::thread::current().name().unwrap_or_default().to_owned();
        let line = json!({ "face": face, "method": method, "path": path, "status": status, "content_type": content_type, "body": body, "source": source });
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(file, "{line}").expect("the recording grows");
    }
}
