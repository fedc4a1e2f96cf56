//! The first start: everything that a newcomer needs, made in one commit and written down once.

use crate::files;
use domain::{
    applications::{self, FirstSteps},
    instances::{Site, Tenant},
    keys::spares,
};
use foundation::{Error, Secret};
use pages::connect::{Connection, stacks};
use serde_json::json;
use std::{
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};
use store::{Access, Database, PlatformTx};
use world::World;

/// Lays the foundation of an empty database; `None` where it is not empty.
///
/// # Errors
/// A sentence for the operator.
pub async fn lay(world: &Arc<World>, database: &Database, site: &Site, data: &Path) -> Result<Option<FirstStart>, String> {
    let founded = database.platform(Access::Read, |tx| Box::pin(applications::is_founded(tx))).await.map_err(|e| sentence(&e))?;
    if founded {
        return Ok(None);
    }
    let maker = Arc::clone(&world.keys);
    let pairs =
        tokio::task::spawn_blocking(move || Ok::<_, Error>([maker.make()?, maker.make()?])).await.map_err(|e| e.to_string())?.map_err(|e| sentence(&e))?;
    #[allow(clippy::disallowed_methods, reason = "the file is written between the work and the commit; nobody else is there to conflict with")]
    let mut tx = database.begin_platform(Access::Write).await.map_err(|e| sentence(&e))?;
    let steps = match take_steps(&mut tx, &pairs).await {
        // Another server has laid the foundation meanwhile.
        Err(Error::Conflict(_)) => return Ok(None),
        outcome => outcome.map_err(|e| sentence(&e))?,
    };
    let start = FirstStart::new(site, &steps, world.mail.catches());
    // The file holds the only copy of the keys: it is on the disk before they are valid.
    files::write_secret(&file(data), &start.json())?;
    tx.finish(Ok(())).await.map_err(|e| sentence(&e))?;
    Ok(Some(start))
}

async fn take_steps(tx: &mut PlatformTx<'_>, pairs: &[Vec<u8>; 2]) -> Result<FirstSteps, Error> {
    let workspace = applications::found(tx, &pairs[0]).await?;
    spares::put(tx, &pairs[1]).await?;
    applications::first_steps(tx, workspace).await
}

fn sentence(error: &Error) -> String {
    match error {
        Error::Unavailable(why) => why.clone(),
        other => format!("the database could not be prepared: {other}"),
    }
}

/// The file that holds what the first start hands out.
pub fn file(data: &Path) -> PathBuf {
    data.join("first-start.json")
}

/// What the first start hands out.
pub struct FirstStart {
    base_url: String,
    backend_url: String,
    tenant: Tenant,
    secret_key: Secret,
    platform_token: Secret,
    /// Whether mail is caught instead of sent.
    catches: bool,
}

impl FirstStart {
    fn new(site: &Site, steps: &FirstSteps, catches: bool) -> FirstStart {
        FirstStart {
            base_url: site.base_url().to_owned(),
            backend_url: site.backend_url(),
            tenant: site.tenant(steps.created.application.instances[0].clone()),
            secret_key: steps.created.secret_keys[0].clone(),
            platform_token: steps.platform_token.clone(),
            catches,
        }
    }

    fn inbox_url(&self) -> Option<String> {
        self.catches.then(|| format!("{}/inbox", self.base_url))
    }

    /// The file for scripts.
    fn json(&self) -> String {
        let body = json!({
            "base_url": self.base_url,
            "backend_url": self.backend_url,
            "inbox_url": self.inbox_url(),
            "application_id": self.tenant.instance.application,
            "instance_id": self.tenant.instance.id,
            "slug": self.tenant.instance.slug,
            "frontend_url": self.tenant.frontend_url,
            "publishable_key": self.tenant.publishable_key,
            "secret_key": self.secret_key.expose(),
            "platform_token": self.platform_token.expose(),
        });
        format!("{body:#}\n")
    }

    /// Tells a newcomer, at a glance, what there is now and what to paste where.
    ///
    /// # Errors
    /// Where nobody can be told.
    pub fn tell(&self, data: &Path) -> std::io::Result<()> {
        let mut text = String::new();
        let (publishable, secret) = (&self.tenant.publishable_key, self.secret_key.expose());
        let _ = write!(
            text,
            "
  Insula is ready. This is its first start: it made a first application for you.

    Server           {base}
    {mail}
    Backend API      {backend}
    Frontend API     {frontend}

    Publishable key  {publishable}
    Secret key       {secret}
    Platform token   {token}

  The keys are shown this once, and kept in {file}.

",
            base = self.base_url,
            mail = self.inbox_url().map_or_else(|| "Mail             sent by your mail server".to_owned(), |inbox| format!("Caught mail      {inbox}")),
            backend = self.backend_url,
            frontend = self.tenant.frontend_url,
            token = self.platform_token.expose(),
            file = file(data).display(),
        );
        for stack in
            stacks(&Connection { backend_url: &self.backend_url, frontend_url: &self.tenant.frontend_url, publishable_key: publishable, secret_key: secret })
        {
            for file in &stack.files {
                let _ = writeln!(text, "  {}: {}\n", stack.name, file.name);
                for line in file.text.lines() {
                    let _ = writeln!(text, "{}", format!("    {line}").trim_end());
                }
                text.push('\n');
            }
            let _ = writeln!(text, "  {}\n", stack.note);
        }
        std::io::stdout().write_all(text.as_bytes())
    }
}
