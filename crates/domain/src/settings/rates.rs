//! How much may be asked for, and how guessing and probing are slowed down.

use foundation::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often something may be asked for in ten seconds. Where nothing is said, development instances are generous.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Sign-ins begun by one network; as many sign-ups, changes of a sign-up, and requests for codes. Live 5, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub creates: u32,
    /// Proofs that one network tries for sign-ins; as many for sign-ups, and by users who are signed in. Live 3, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub attempts: u32,
    /// Clients and development browsers that one network makes. Live 100, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub clients: u32,
    /// Other changes by one client: of its sessions, its user's addresses and pictures, its organizations. Live 50, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub changes: u32,
    /// Session tokens that one client fetches. The SDKs fetch one a minute for each open page. Live 200, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub tokens: u32,
    /// Handshakes of one network: navigations by which a rendering backend is brought up to date. Live 300, in development 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-development" = 1_000))]
    pub handshakes: u32,
    /// Requests at the Backend API, of all backends together. 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub backend: u32,
    /// Changes of one user's metadata. 10.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub metadata: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Rates { creates: 5, attempts: 3, clients: 100, changes: 50, tokens: 200, handshakes: 300, backend: 1_000, metadata: 10 }
    }
}

impl Rates {
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
        match said.iter().find(|(_, number)| !(1..=1_000_000).contains(number)) {
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
    #[schemars(extend("x-development" = "off"))]
    pub enumeration_protection: EnumerationProtection,
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
        AttackProtection { max_attempts: 10, lockout_seconds: 3_600, enumeration_protection: EnumerationProtection::Bulk, probes: 50 }
    }
}

impl AttackProtection {
    /// How many wrong guesses at identifiers a network of strangers has in an hour; absent where nobody counts.
    pub fn most_probes(&self) -> Option<u32> {
        (self.enumeration_protection != EnumerationProtection::Off).then_some(self.probes)
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if !(1..=1_000).contains(&self.max_attempts) {
            return Err(Problem::invalid("attack_protection.max_attempts", "must be between 1 and 1000"));
        }
        if !(60..=30 * 86_400).contains(&self.lockout_seconds) {
            return Err(Problem::invalid("attack_protection.lockout_seconds", "must be between 60 seconds and 30 days"));
        }
        if self.enumeration_protection == EnumerationProtection::Strict {
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
