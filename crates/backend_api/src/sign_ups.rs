//! Sign-ups under way, as a backend sees them.

use domain::{
    bodies,
    sign_ups::{self, Marks},
};
use foundation::SignUpId;
use web::{Answer, BackendCall, Id, Input};

/// A sign-up.
pub async fn show(call: BackendCall, Id(id): Id<SignUpId>) -> Answer {
    call.read(|tx| Box::pin(sign_ups::by_id(tx, id)), bodies::sign_up).await
}

/// Says who it is in the application's own database, or that an action of its own is due.
pub async fn update(call: BackendCall, Id(id): Id<SignUpId>, input: Input) -> Answer {
    input.only(&["external_id", "custom_action"])?;
    let marks = Marks { external_id: input.change("external_id")?, custom_action: input.flag("custom_action")? };
    call.write(|tx| Box::pin(sign_ups::mark(tx, call.actor, id, &marks)), bodies::sign_up).await
}
