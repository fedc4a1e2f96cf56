//! The built-in texts of mails.

use super::CodeMail;
use crate::instances::Tenant;
use foundation::{MessageId, Secret};
use world::mail::Mail;

/// A mail with a code.
pub(super) fn code(id: MessageId, tenant: &Tenant, to: &str, code: &Secret, kind: CodeMail) -> Mail {
    let name = &tenant.instance.name;
    let digits = code.expose();
    let (subject, lead, note) = match kind {
        CodeMail::Verification => (
            format!("{digits} is your verification code"),
            format!("Enter this code to verify your e-mail address for {name}."),
            "If you did not sign up, you can ignore this e-mail.",
        ),
        CodeMail::SignIn => (
            format!("{digits} is your sign-in code"),
            format!("Enter this code to sign in to {name}."),
            "If you are not signing in, do not share this code with anybody and ignore this e-mail.",
        ),
        CodeMail::ResetPassword => (
            format!("{digits} is your password reset code"),
            format!("Enter this code to set a new password for {name}."),
            "If you did not ask for it, your password is still safe: ignore this e-mail.",
        ),
    };
    let text = format!("{lead}\n\n    {digits}\n\nThe code works once, for 10 minutes.\n\n{note}\n\n{name}\n");
    let html = page(name, &lead, digits, note);
    Mail { id, instance: tenant.id(), from_name: name.clone(), to: to.to_owned(), subject, text, html }
}

fn page(name: &str, lead: &str, digits: &str, note: &str) -> String {
    let (name, lead, note) = (escape(name), escape(lead), escape(note));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"viewport\" content=\"width=device-width\"></head>\
         <body style=\"margin:0;padding:32px 16px;background:#f4f4f5;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;color:#18181b\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr><td align=\"center\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"max-width:480px;background:#fff;border:1px solid #e4e4e7;border-radius:12px\">\
         <tr><td style=\"padding:32px\">\
         <p style=\"margin:0 0 24px;font-weight:600;font-size:18px\">{name}</p>\
         <p style=\"margin:0 0 16px\">{lead}</p>\
         <p style=\"margin:0 0 16px;padding:16px;background:#f4f4f5;border-radius:8px;text-align:center;font:600 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:8px\">{digits}</p>\
         <p style=\"margin:0 0 16px;color:#52525b;font-size:14px\">The code works once, for 10 minutes.</p>\
         <p style=\"margin:0;color:#52525b;font-size:14px\">{note}</p>\
         </td></tr></table></td></tr></table></body></html>"
    )
}

/// Text in HTML, as text and nothing else.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CVE-2024-41953, CVE-2024-28855: markup in names reached mails.
    #[test]
    fn markup_in_a_name_stays_text() {
        let html = page("<script>alert(1)</script>", "a & b", "123456", "\"note\"");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.contains("<script>"));
        assert!(html.contains("a &amp; b") && html.contains("&quot;note&quot;"));
    }
}
