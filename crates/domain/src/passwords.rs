//! Passwords: the policy for new ones, and the question whether one is right.
//!
//! Hashing takes longer than any transaction may: a question is read, answered outside, and the answer settled in a transaction
//! of its own.

use crate::{settings::PasswordPolicy, users::guard::Outcome};
use foundation::{Problem, Result as Outcomes, Secret, UserId};
use world::passwords::Passwords;

/// Whose password is asked for, and its digest.
pub struct Question {
    /// The user; absent where nobody has the identifier.
    pub user: Option<UserId>,
    /// The digest; absent where there is no password.
    pub digest: Option<Secret>,
}

/// Whether a password was right. Only [`Question::answer`] makes one.
pub struct Answer {
    user: Option<UserId>,
    digest: Option<Secret>,
    right: bool,
}

impl Question {
    /// Compares. The work is the same whether or not there is a digest.
    ///
    /// # Errors
    /// [`Problem::Busy`] where the machine has too much of this work already.
    pub async fn answer(self, passwords: &Passwords, password: &Secret) -> Outcomes<Answer> {
        let right = passwords.verify(password, self.digest.as_ref().map(Secret::expose)).await?;
        Ok(Answer { user: self.user, digest: self.digest, right })
    }
}

impl Answer {
    /// Whether it was right, for this user.
    pub fn outcome(&self, user: UserId) -> Outcome {
        if self.right && self.user == Some(user) { Outcome::Right } else { Outcome::Wrong }
    }

    /// What the password was compared with.
    pub fn digest(&self) -> Option<&Secret> {
        self.digest.as_ref().filter(|_| self.right)
    }
}

/// Checks a new password against the policy. Length is counted in characters; nothing is trimmed, cut or changed.
///
/// # Errors
/// What is wrong with it.
pub fn check(policy: &PasswordPolicy, password: &Secret) -> Result<(), Problem> {
    let length = password.expose().chars().count();
    if length < policy.min_length {
        return Err(Problem::PasswordTooShort(policy.min_length));
    }
    if length > policy.max_length {
        return Err(Problem::PasswordTooLong(policy.max_length));
    }
    if policy.hibp && is_common(password.expose()) {
        return Err(Problem::PasswordPwned);
    }
    Ok(())
}

/// Whether the password is among the most common ones, or one character or short sequence again and again.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let trimmed = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    let base = if trimmed.len() >= 4 { trimmed } else { lower.as_str() };
    COMMON.contains(&lower.as_str()) || COMMON.contains(&base) || repeats(&lower) || runs(&lower)
}

/// `aaaaaaaa`, `abcabcabc`.
fn repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=3).any(|period| characters.len() > period * 2 && characters.iter().zip(characters.iter().skip(period)).all(|(a, b)| a == b))
}

/// `12345678`, `abcdefgh`, `87654321`.
fn runs(text: &str) -> bool {
    let steps: Vec<i64> = text.chars().zip(text.chars().skip(1)).map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a))).collect();
    !steps.is_empty() && (steps.iter().all(|s| *s == 1) || steps.iter().all(|s| *s == -1))
}

const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "pass",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "root",
    "qwerty",
    "qwertyui",
    "qwertyuiop",
    "qwertz",
    "azerty",
    "asdfghjkl",
    "asdfasdf",
    "zxcvbnm",
    "1qaz2wsx",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "q1w2e3r4",
    "1234567890",
    "0987654321",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "batman",
    "dragon",
    "monkey",
    "master",
    "shadow",
    "michael",
    "jennifer",
    "jordan",
    "trustno1",
    "starwars",
    "whatever",
    "computer",
    "internet",
    "changeme",
    "secret",
    "access",
    "freedom",
    "charlie",
    "pokemon",
    "login",
    "abc123",
    "test",
    "testtest",
    "testing",
    "default",
    "guest",
    "hello",
    "summer",
    "winter",
    "spring",
    "autumn",
    "hunter",
    "hunter2",
    "liverpool",
    "arsenal",
    "chelsea",
    "samsung",
    "google",
    "facebook",
    "passwort",
    "motdepasse",
    "contraseña",
    "mypassword",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(password: &str) -> Result<(), Problem> {
        check(&PasswordPolicy::default(), &Secret::new(password))
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(checked("kurz1ab"), Err(Problem::PasswordTooShort(8)));
        assert_eq!(checked("äöüßäé€x"), Ok(()));
        assert_eq!(checked(&"xkcd ".repeat(40)), Err(Problem::PasswordTooLong(128)));
    }

    #[test]
    fn the_most_common_are_refused_with_their_usual_decorations() {
        for password in ["password", "Password1!", "qwertyuiop", "12345678", "87654321", "aaaaaaaa", "abcabcabc", "abcdefgh", "Summer2024!", "letmein123"] {
            assert_eq!(checked(password), Err(Problem::PasswordPwned), "{password}");
        }
        for password in ["correct horse battery", "Xk9#mPq2$vL", "tr0ub4dor&3"] {
            assert_eq!(checked(password), Ok(()), "{password}");
        }
    }
}
