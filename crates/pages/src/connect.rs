//! How an application is connected, framework by framework: what goes into which file. The landing page shows it with words in angle brackets, the
//! first start prints it with real keys.

use std::fmt::Write;

/// What stands in the files.
pub struct Connection<'a> {
    /// The address of the Backend API.
    pub backend_url: &'a str,
    /// The address of the instance's Frontend API.
    pub frontend_url: &'a str,
    /// The publishable key.
    pub publishable_key: &'a str,
    /// The secret key.
    pub secret_key: &'a str,
}

/// A framework.
pub struct Stack {
    /// A short name for addresses and ids.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What to write into which file.
    pub files: Vec<Paste>,
    /// What else to know.
    pub note: &'static str,
}

/// A file, or the part of one.
pub struct Paste {
    /// Its name.
    pub name: &'static str,
    /// What goes into it.
    pub text: String,
}

/// All frameworks that are shown.
pub fn stacks(connection: &Connection<'_>) -> Vec<Stack> {
    let Connection { backend_url, frontend_url, publishable_key, secret_key } = connection;
    let file = |name, text: &str| Paste { name, text: text.to_owned() };
    let servers = format!("CLERK_SECRET_KEY={secret_key}\nCLERK_API_URL={backend_url}\nCLERK_FAPI_URL={frontend_url}\n");
    vec![
        Stack {
            id: "express",
            name: "Express",
            files: vec![file(".env", &format!("CLERK_PUBLISHABLE_KEY={publishable_key}\n{servers}CLERK_TELEMETRY_DISABLED=1")), file("server.mjs", EXPRESS)],
            note: "Start it with node --env-file=.env server.mjs. Browsers reach the Frontend API through /__clerk of your own server.",
        },
        Stack {
            id: "next",
            name: "Next.js",
            files: vec![
                file(
                    ".env.local",
                    &format!(
                        "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY={publishable_key}\nNEXT_PUBLIC_CLERK_PROXY_URL=/__clerk\n{servers}NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED=1"
                    ),
                ),
                file("proxy.ts", NEXT),
            ],
            note: "Before Next.js 16 the file is called middleware.ts. Then wrap your layout in <ClerkProvider>.",
        },
        Stack {
            id: "vite",
            name: "React with Vite",
            files: vec![
                file(".env.local", &format!("VITE_CLERK_PUBLISHABLE_KEY={publishable_key}\nCLERK_SECRET_KEY={secret_key}\nCLERK_FAPI_URL={frontend_url}")),
                file("vite.config.js", VITE),
                file("main.jsx", MAIN),
            ],
            note: "The secret key stays in Vite's process: only names that begin with VITE_ reach the browser.",
        },
    ]
}

const EXPRESS: &str = "import { clerkMiddleware, getAuth } from '@clerk/express';
import express from 'express';

const app = express();
app.use(clerkMiddleware({ frontendApiProxy: { enabled: true } }));

app.get('/api/me', (request, response) => {
  const { isAuthenticated, userId } = getAuth(request);
  response.status(isAuthenticated ? 200 : 401).json({ userId });
});

app.listen(3000);";

const NEXT: &str = "import { clerkMiddleware } from '@clerk/nextjs/server';

export default clerkMiddleware({ frontendApiProxy: { enabled: true } });

export const config = {
  matcher: ['/((?!_next|.*\\\\..*).*)', '/(api|trpc)(.*)', '/__clerk/(.*)'],
};";

const VITE: &str = "import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, process.cwd(), 'CLERK_');
  return {
    plugins: [react()],
    server: {
      proxy: {
        '/__clerk': {
          target: env.CLERK_FAPI_URL,
          changeOrigin: true,
          xfwd: true,
          rewrite: path => path.replace('/__clerk', ''),
          headers: {
            'Clerk-Proxy-Url': 'http://localhost:5173/__clerk',
            'Clerk-Secret-Key': env.CLERK_SECRET_KEY,
          },
        },
      },
    },
  };
});";

const MAIN: &str = "<ClerkProvider
  publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY}
  proxyUrl=\"/__clerk\"
  telemetry={false}
>";

const WORDS: [&str; 8] = ["import", "from", "const", "return", "export", "default", "true", "false"];

impl Paste {
    /// The text as HTML: variables, texts, words of the language and what is to be filled in are marked.
    pub(crate) fn html(&self) -> String {
        let mut html = String::new();
        for line in self.text.split_inclusive('\n') {
            match line.split_once('=').filter(|(name, _)| self.name.starts_with(".env") && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')) {
                Some((name, value)) => {
                    let _ = write!(html, "<b>{name}</b>=");
                    mark(value, &mut html);
                }
                None => mark(line, &mut html),
            }
        }
        html
    }

    /// Whether it holds settings instead of code.
    pub(crate) fn kind(&self) -> &'static str {
        if self.name.starts_with(".env") { "env" } else { self.name.split('.').next().unwrap_or_default() }
    }
}

fn mark(line: &str, html: &mut String) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (part, tag) = part(rest, first);
        let _ = match tag {
            Some(tag) => write!(html, "<{tag}>{}</{tag}>", escaped(part)),
            None => write!(html, "{}", escaped(part)),
        };
        rest = &rest[part.len()..];
    }
}

/// What the text begins with, and as what it is marked.
fn part(text: &str, first: char) -> (&str, Option<&'static str>) {
    let until = |end: usize| &text[..end];
    if first == '\'' || first == '"' {
        return text[1..].find(first).map_or((until(1), None), |end| (until(end + 2), Some("q")));
    }
    if first == '<'
        && let Some(end) = text.find('>')
        && text[1..end].bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    {
        return (until(end + 1), Some("var"));
    }
    let letters = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    match letters {
        0 => (until(first.len_utf8()), None),
        end => (until(end), Some("i").filter(|_| WORDS.contains(&until(end)))),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_html_is_the_file() {
        let connection =
            Connection { backend_url: "http://a/api", frontend_url: "http://a/t/<slug>", publishable_key: "<publishable_key>", secret_key: "\"><script>" };
        for paste in stacks(&connection).iter().flat_map(|stack| &stack.files) {
            let html = paste.html();
            assert!(!html.contains("<script"), "{html}");
            let mut bare = html.clone();
            for tag in ["b", "i", "q", "var"] {
                bare = bare.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
            }
            assert_eq!(bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), paste.text, "{}", paste.name);
        }
        let shown = stacks(&connection);
        assert!(shown[0].files[0].html().contains("<b>CLERK_PUBLISHABLE_KEY</b>=<var>&lt;publishable_key&gt;</var>"));
        assert!(shown[0].files[1].html().contains("<i>import</i>") && shown[0].files[1].html().contains("<q>'@clerk/express'</q>"));
    }
}
