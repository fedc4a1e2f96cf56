//! Packages: installs the programs that the tests need and the machine lacks.

use crate::{
    postgres,
    steps::{Outcome, ask, run},
};
use std::{env, ffi::OsString, path::PathBuf, process::Command};

/// A program that the tests need.
pub struct Need {
    /// What it is, for people.
    what: &'static str,
    /// Debian's package that brings it.
    package: &'static str,
    /// Whether it is there.
    is_met: fn() -> bool,
}

/// A C compiler and linker, for SQLite and the cryptography.
pub const COMPILER: Need = Need { what: "a C compiler (cc)", package: "build-essential", is_met: || on_path("cc").is_some() };
/// PostgreSQL's server programs.
pub const POSTGRES: Need = Need { what: "PostgreSQL's server programs", package: "postgresql", is_met: || postgres::programs().is_some() };
/// Node.js, of whatever version: a newer one can be fetched with its package manager.
pub const NODE: Need = Need { what: "Node.js", package: "nodejs", is_met: || on_path("node").is_some() };
/// Node's package manager.
pub const NPM: Need = Need { what: "npm", package: "npm", is_met: || on_path("npm").is_some() };
/// A browser.
pub const CHROMIUM: Need = Need { what: "a Chromium or Chrome that starts (CHROMIUM can name it)", package: "chromium", is_met: || chromium().is_some() };

/// Installs what is missing.
///
/// # Errors
/// Names what is missing and what to do about it.
pub fn install(needs: &[&Need]) -> Outcome {
    let wanted = missing(needs);
    if wanted.is_empty() {
        println!("everything is there");
        return Ok(());
    }
    println!("missing: {}", names(&wanted));
    if on_path("apt-get").is_none() {
        return Err(format!("this machine has no apt-get: {}", by_hand(&wanted)));
    }
    if !is_root() && on_path("sudo").is_none() {
        return Err(format!("apt-get needs root, and there is no sudo: {}", by_hand(&wanted)));
    }
    // Where the lists cannot be renewed, those that are there may still do.
    if let Err(why) = apt(&["update"]) {
        println!("{why}; going on with the package lists that are there");
    }
    let packages: Vec<&str> = wanted.iter().map(|need| need.package).collect();
    if install_packages(&packages).is_err() {
        // One that this system does not have must not keep the others out; what stays missing is told below.
        for package in packages {
            if let Err(why) = install_packages(&[package]) {
                println!("{package}: {why}");
            }
        }
    }
    let still = missing(&wanted);
    if still.is_empty() { Ok(()) } else { Err(format!("apt-get did not bring everything: {}", by_hand(&still))) }
}

fn missing<'a>(needs: &[&'a Need]) -> Vec<&'a Need> {
    needs.iter().copied().filter(|need| !(need.is_met)()).collect()
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.what).collect::<Vec<_>>().join(", ")
}

fn by_hand(needs: &[&Need]) -> String {
    format!("install by hand: {}; or leave out the part that needs it (cargo xtask help)", names(needs))
}

fn install_packages(packages: &[&str]) -> Outcome {
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

fn apt(arguments: &[&str]) -> Outcome {
    let settings = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=300"];
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    if !is_root() {
        command.arg("env");
    }
    run(command.args(settings).args(arguments))
}

/// Whether this program runs as root.
pub fn is_root() -> bool {
    ask(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// The first program of this name on the path.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A browser that starts: the one named by `CHROMIUM`, or one on the path. Ubuntu's placeholder for a snap does not start.
pub fn chromium() -> Option<OsString> {
    let named = env::var_os("CHROMIUM").filter(|name| !name.is_empty());
    let found = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().filter_map(on_path).map(OsString::from);
    named.into_iter().chain(found).find(|program| ask(Command::new(program).arg("--version")).is_some())
}
