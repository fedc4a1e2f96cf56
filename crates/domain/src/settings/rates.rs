//! How much may be asked for, and how guessing and probing are slowed down.

use crate::instances::Tenant;
use foundation::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often something may be asked for in ten seconds. Where nothing is said, development instances are generous.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Sign-ins begun by one network; as many sign-ups, changes of a sign-up, and requests for codes. Live 5, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub creates: Option<u32>,
    /// Proofs that one network tries for sign-ins; as many for sign-ups, and by users who are signed in. Live 3, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub attempts: Option<u32>,
    /// Clients and development browsers that one network makes. Live 100, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub clients: Option<u32>,
    /// Other changes by one client: of its sessions, its user's addresses and pictures, its organizations. Live 50, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub changes: Option<u32>,
    /// Session tokens that one client fetches. The SDKs fetch one a minute for each open page. Live 200, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub tokens: Option<u32>,
    /// Handshakes of one network: navigations by which a rendering backend is brought up to date. Live 300, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub handshakes: Option<u32>,
    /// Requests at the Backend API, of all backends together. 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub backend: Option<u32>,
    /// Changes of one user's metadata.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub metadata: Option<u32>,
}

impl Rates {
    fn or(said: Option<u32>, tenant: &Tenant, live: u32, development: u32) -> u32 {
        said.unwrap_or(if tenant.is_development() { development } else { live })
    }

    /// What `creates` says for the instance.
    pub fn creates(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.creates, tenant, 5, 1_000)
    }

    /// What `attempts` says for the instance.
    pub fn attempts(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.attempts, tenant, 3, 1_000)
    }

    /// What `clients` says for the instance.
    pub fn clients(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.clients, tenant, 100, 1_000)
    }

    /// What `changes` says for the instance.
    pub fn changes(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.changes, tenant, 50, 1_000)
    }

    /// What `tokens` says for the instance.
    pub fn tokens(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.tokens, tenant, 200, 1_000)
    }

    /// What `handshakes` says for the instance.
    pub fn handshakes(&self, tenant: &Tenant) -> u32 {
        Rates::or(self.handshakes, tenant, 300, 1_000)
    }

    /// What `backend` says for the instance.
    pub fn backend(&self) -> u32 {
        self.backend.unwrap_or(1_000)
    }

    /// What `metadata` says.
    pub fn metadata(&self) -> u32 {
        self.metadata.unwrap_or(10)
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let said = [
            ("rates.creates", self.creates),
            ("rates.attempts", self.attempts),
            ("rates.clients", self.clients),
            ("rates.changes", self.changes),
            ("rates.tokens", self.tokens),
            ("rates.handshakes", self.handshakes),
            ("rates.backend", self.backend),
            ("rates.metadata", self.metadata),
        ];
        match said.iter().find(|(_, number)| number.is_some_and(|number| !(1..=1_000_000).contains(&number))) {
            Some((key, _)) => Err(Problem::invalid(*key, "must be between 1 and 1000000")),
            None => Ok(()),
        }
    }
}

/// How many codes may be sent in a day.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CodeBudgets {
    /// To one address. With five tries for each code, 20 let one guess in ten thousand be right.
    #[schemars(range(min = 1, max = 1_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub address: i64,
    /// To all addresses of one user.
    #[schemars(range(min = 1, max = 10_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub user: i64,
    /// Asked for by one network.
    #[schemars(range(min = 1, max = 10_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub network: i64,
    /// By the whole instance.
    #[schemars(range(min = 1, max = 100_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub instance: i64,
}

impl Default for CodeBudgets {
    fn default() -> Self {
        CodeBudgets { address: 20, user: 40, network: 1_000, instance: 100_000 }
    }
}

impl CodeBudgets {
    pub(super) fn check(&self) -> Result<(), Problem> {
        for (key, number, most) in [
            ("codes.address", self.address, 1_000),
            ("codes.user", self.user, 10_000),
            ("codes.network", self.network, 10_000_000),
            ("codes.instance", self.instance, 100_000_000),
        ] {
            if !(1..=most).contains(&number) {
                return Err(Problem::invalid(key, format!("must be between 1 and {most}")));
            }
        }
        Ok(())
    }
}

/// Guessing and probing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttackProtection {
    /// How many failed tries lock a user for unknown devices, and for each known one by itself.
    #[schemars(range(min = 1, max = 1_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub max_attempts: i64,
    /// For how many seconds at first. Each further lock without a success in between lasts twice as long, up to a day.
    #[schemars(range(min = 60, max = 2_592_000))]
    #[schemars(extend("x-tightens" = "up"))]
    pub lockout_seconds: u64,
    /// Whether strangers can find out many accounts: `off`, or `bulk`, where a network can ask for few that are not there. Live `bulk`, in
    /// development `off`.
    pub enumeration_protection: Option<EnumerationProtection>,
    /// In `bulk`: how many wrong guesses at identifiers a network has in an hour.
    #[schemars(range(min = 5, max = 100_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub probes: u32,
}

/// Whether strangers can find out which accounts there are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnumerationProtection {
    /// They can.
    Off,
    /// Not in bulk.
    Bulk,
    /// Not offered yet, and refused.
    Strict,
}

impl Default for AttackProtection {
    fn default() -> Self {
        AttackProtection { max_attempts: 10, lockout_seconds: 3_600, enumeration_protection: None, probes: 50 }
    }
}

impl AttackProtection {
    /// How many wrong guesses at identifiers a network of strangers has in an hour; absent where nobody counts.
    pub fn most_probes(&self, tenant: &Tenant) -> Option<u32> {
        let default = if tenant.is_development() { EnumerationProtection::Off } else { EnumerationProtection::Bulk };
        (self.enumeration_protection.unwrap_or(default) != EnumerationProtection::Off).then_some(self.probes)
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if !(1..=1_000).contains(&self.max_attempts) {
            return Err(Problem::invalid("attack_protection.max_attempts", "must be between 1 and 1000"));
        }
        if !(60..=30 * 86_400).contains(&self.lockout_seconds) {
            return Err(Problem::invalid("attack_protection.lockout_seconds", "must be between 60 seconds and 30 days"));
        }
        if self.enumeration_protection == Some(EnumerationProtection::Strict) {
            return Err(Problem::invalid("attack_protection.enumeration_protection", "must be off or bulk: strict is not offered yet"));
        }
        if !(5..=100_000).contains(&self.probes) {
            return Err(Problem::invalid("attack_protection.probes", "must be between 5 and 100000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::check;
    use serde_json::json;

    #[test]
    fn what_cannot_be_is_refused_by_its_name() {
        for (document, param) in [
            (json!({ "rates": { "creates": 0 } }), "rates.creates"),
            (json!({ "rates": { "backend": 2_000_000 } }), "rates.backend"),
            (json!({ "codes": { "address": 0 } }), "codes.address"),
            (json!({ "attack_protection": { "enumeration_protection": "strict" } }), "attack_protection.enumeration_protection"),
            (json!({ "attack_protection": { "probes": 1 } }), "attack_protection.probes"),
        ] {
            let problem = check(document.as_object().expect("an object")).expect_err(param);
            assert_eq!(problem.facts().param.as_deref(), Some(param));
        }
        let fine = json!({ "rates": { "creates": 7, "attempts": null }, "attack_protection": { "enumeration_protection": "bulk" } });
        assert!(check(fine.as_object().expect("an object")).is_ok());
    }
}
