//! Node.js for the end-to-end tests: the machine's if it is new enough, else a newer one beside the build.

use crate::{
    packages,
    steps::{Outcome, ask, run, target},
};
use std::{
    env::{self, consts},
    ffi::OsString,
    path::Path,
    process::Command,
};

/// The `PATH` with which `node` and `npm` are new enough.
///
/// # Errors
/// Where there is none, and none can be fetched.
pub fn path() -> Outcome<OsString> {
    let ours = env::var_os("PATH").unwrap_or_default();
    if packages::on_path("npm").is_none() {
        return Err("there is no npm: install Node.js 22 or newer".to_owned());
    }
    if fits(Path::new("node")) {
        return Ok(ours);
    }
    let tools = target().join("tools");
    let programs = tools.join("node_modules/.bin");
    if !fits(&programs.join("node")) {
        let package = format!("node-{}-{}@22", if consts::OS == "macos" { "darwin" } else { consts::OS }, architecture());
        println!("the machine's Node.js is too old for the tests: fetching the package {package}");
        // With a package manager of its own: Debian's finds its parts only with Debian's Node.js.
        let install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        run(Command::new("npm").args(install).arg(&tools).args([package.as_str(), "npm@11"]))?;
        if !fits(&programs.join("node")) {
            return Err(format!("the package {package} does not run here: install Node.js 22 or newer"));
        }
    }
    env::join_paths([programs].into_iter().chain(env::split_paths(&ours))).map_err(|e| e.to_string())
}

fn fits(node: &Path) -> bool {
    ask(Command::new(node).arg("--version")).is_some_and(|version| is_new_enough(&version))
}

/// What the tests' tools ask for: 20.19 and later, 22.12 and later, or newer.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|n| n.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(20), Some(minor)) => minor >= 19,
        (Some(22), Some(minor)) => minor >= 12,
        (Some(major), _) => major > 22,
        (None, _) => false,
    }
}

fn architecture() -> &'static str {
    match consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn old_versions_are_left_aside() {
        for version in ["v20.19.0", "v20.20.2", "v22.12.0", "v24.0.1", "v23.1.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["v18.20.4", "v20.18.3", "v21.7.0", "v22.11.0", "", "v", "vx.y"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
