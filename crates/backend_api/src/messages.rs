//! Messages: the instance's own mail server, and what its mails will look like.

use domain::{
    audit::Actor,
    messages::{
        self, Draft, Kind,
        servers::{self, Encryption, MailServer},
    },
};
use foundation::Problem;
use serde_json::{Value, json};
use web::{Answer, BackendCall, Input, NoBody, json as answer};

/// The mail server; its password is never shown.
pub async fn show_server(call: BackendCall) -> Answer {
    call.read(|tx| Box::pin(servers::get(tx)), server).await
}

/// Sets the mail server.
pub async fn put_server(call: BackendCall, input: Input) -> Answer {
    input.only(&["host", "port", "tls", "username", "password", "from_address", "from_name", "fall_back"])?;
    let encryption = Encryption::parse(input.text("tls")?.unwrap_or("starttls"));
    let new = servers::NewMailServer {
        host: input.required("host")?.to_owned(),
        port: input.number("port")?,
        encryption: encryption.ok_or_else(|| Problem::invalid("tls", "must be implicit, starttls or none"))?,
        username: input.text("username")?.filter(|name| !name.is_empty()).map(str::to_owned),
        password: input.credential("password")?,
        from_address: input.email("from_address")?.ok_or(Problem::ParamMissing("from_address"))?,
        from_name: input.text("from_name")?.filter(|name| !name.is_empty()).map(str::to_owned),
        fall_back: input.flag("fall_back")?.unwrap_or(false),
    };
    let reach = call.reach();
    call.write(|tx| Box::pin(servers::put(tx, Actor::Backend, reach, &new)), server).await
}

/// Takes the mail server away.
pub async fn delete_server(call: BackendCall, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(servers::delete(tx, Actor::Backend)), |()| json!({ "object": "smtp_server", "deleted": true })).await
}

/// Sends one mail by the instance's mail server, and tells what that said.
pub async fn try_server(call: BackendCall, input: Input) -> Answer {
    input.only(&["to"])?;
    let to = input.email("to")?.ok_or(Problem::ParamMissing("to"))?;
    let trial = call.try_mail_server(&to).await?;
    let body = json!({ "object": "smtp_test", "delivered": trial.delivered, "step": trial.step, "code": trial.code, "message": trial.words });
    Ok(answer(http::StatusCode::OK, &body))
}

/// Words a message with made-up values: as the settings have it, or with the parts that are given.
pub async fn preview(call: BackendCall, input: Input) -> Answer {
    input.only(&["kind", "subject", "text", "html"])?;
    let word = input.text("kind")?.unwrap_or_default();
    let kind = Kind::OWN.into_iter().find(|kind| kind.as_str() == word);
    let kind = kind.ok_or_else(|| Problem::invalid("kind", format!("must be one of {}", Kind::OWN.map(Kind::as_str).join(", "))))?;
    let draft = Draft {
        subject: input.text("subject")?.map(str::to_owned),
        text: input.text("text")?.map(str::to_owned),
        html: input.text("html")?.map(str::to_owned),
    };
    let name = &call.tenant.instance.name;
    call.read(
        |tx| Box::pin(messages::preview(tx, kind, name, &draft)),
        |worded| {
            json!({
                "object": "message_preview",
                "kind": kind.as_str(),
                "subject": worded.subject,
                "text": worded.text,
                "html": worded.html,
                "variables": messages::names(kind),
            })
        },
    )
    .await
}

fn server(server: &MailServer) -> Value {
    json!({
        "object": "smtp_server",
        "host": server.host,
        "port": server.port,
        "tls": server.encryption,
        "username": server.username,
        "has_password": server.has_password(),
        "from_address": server.from_address,
        "from_name": server.from_name,
        "fall_back": server.fall_back,
        "created_at": server.created_at,
        "updated_at": server.updated_at,
    })
}
