//! The domain of an application's production instance.

use domain::{bodies, domains, keys::Scope};
use foundation::{ApplicationId, Problem};
use web::{Answer, Id, Input, PlatformCall};

/// Gives the production instance another domain, and its proxy the path there.
pub async fn update(call: PlatformCall, Id(application): Id<ApplicationId>, input: Input) -> Answer {
    input.only(&["name", "proxy_path"])?;
    let name = domains::check_name(call.site(), "name", Some(input.required("name")?))?.ok_or(Problem::ParamMissing("name"))?;
    let path = domains::check_proxy_path(input.text("proxy_path")?)?;
    let workspace = call.workspace();
    call.write(
        Scope::ApplicationsManage,
        |tx| Box::pin(domains::rename(tx, workspace, application, &name, path.as_deref())),
        |instance| bodies::platform_domain(&call.tenant(instance.clone())),
    )
    .await
}
