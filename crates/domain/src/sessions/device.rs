//! Devices: what a browser says of itself, as people would say it. For showing only: anybody can say anything.

/// A device as its user agent tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// What kind of device: `Macintosh`, `iPhone`, `Windows`, …
    pub kind: Option<&'static str>,
    /// Whether it is carried around.
    pub mobile: bool,
    /// The browser's name.
    pub browser: Option<&'static str>,
    /// The browser's version, as far as it is digits and dots.
    pub version: Option<String>,
}

/// Browsers by the mark in front of their version. Most name several others too, so the first hit in this order is the real one.
const BROWSERS: [(&str, &str); 24] = [
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPiOS/", "Opera"),
    ("OPT/", "Opera"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("UCBrowser/", "UC Browser"),
    ("Electron/", "Electron"),
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox Focus"),
    ("Firefox/", "Firefox"),
    ("GSA/", "Google App"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
    ("Trident/", "Internet Explorer"),
];

/// Kinds of devices by the mark of their system; the first hit counts.
const KINDS: [(&str, &str); 12] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("iPod", "iPod"),
    ("Windows Phone", "Windows Phone"),
    ("Android", "Android"),
    ("Macintosh", "Macintosh"),
    ("Windows", "Windows"),
    ("CrOS", "Chrome OS"),
    ("Ubuntu", "Ubuntu"),
    ("FreeBSD", "FreeBSD"),
    ("Linux", "Linux"),
    ("X11", "Linux"),
];

impl Device {
    /// Reads a `User-Agent`.
    pub fn read(agent: &str) -> Device {
        let kind = KINDS.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
        let mobile = matches!(kind, Some("iPhone" | "iPad" | "iPod" | "Windows Phone" | "Android")) || agent.contains("Mobile");
        let marked = BROWSERS.iter().find_map(|(mark, name)| Some((*name, version(agent, mark)?)));
        // Safari's own number stands behind another word.
        let safari = || if agent.contains("Safari/") { Some(("Safari", version(agent, "Version/").unwrap_or_default())) } else { None };
        let (browser, version) = marked.or_else(safari).unzip();
        Device { kind, mobile, browser, version: version.filter(|v| !v.is_empty()) }
    }
}

/// The version behind the mark, if the mark stands there as a word of its own.
fn version(agent: &str, mark: &str) -> Option<String> {
    let at = agent.match_indices(mark).map(|(at, _)| at).find(|at| *at == 0 || !agent.as_bytes()[at - 1].is_ascii_alphanumeric())?;
    let digits = agent[at + mark.len()..].split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    Some(digits.trim_matches('.').chars().take(24).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_from_those_that_they_claim_to_be() {
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
                "Windows Chrome 139.0.0.0 false",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.3405.86",
                "Windows Edge 139.0.3405.86 false",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
                "Macintosh Safari 18.6 false",
            ),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:142.0) Gecko/20100101 Firefox/142.0", "Macintosh Firefox 142.0 false"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
                "iPhone Safari 18.6 true",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1",
                "iPhone Chrome 139.0.7258.76 true",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/142.0 Mobile/15E148 Safari/605.1.15",
                "iPad Firefox 142.0 true",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
                "Android Chrome 139.0.0.0 true",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Android Samsung Internet 28.0 true",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.1.2 Safari/537.36", "Linux Chrome 156.0.1.2 false"),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 OPR/122.0.0.0",
                "Chrome OS Opera 122.0.0.0 false",
            ),
            ("curl/8.14.1", "- - - false"),
            ("", "- - - false"),
        ];
        for (agent, wanted) in cases {
            let device = Device::read(agent);
            let told =
                format!("{} {} {} {}", device.kind.unwrap_or("-"), device.browser.unwrap_or("-"), device.version.as_deref().unwrap_or("-"), device.mobile);
            assert_eq!(told, wanted, "{agent}");
        }
    }

    #[test]
    fn nothing_strange_comes_through() {
        for agent in [
            "Firefox/<script>alert(1)</script>",
            "Chrome/",
            "Version/ Safari/",
            "MSIE",
            "Chrome/\u{1f600}9",
            "XChrome/1",
            "Chrome/1.2.3.4.5.6.7.8.9.10.11.12.13.14.15",
        ] {
            let device = Device::read(agent);
            assert!(device.version.as_deref().unwrap_or_default().chars().all(|c| c.is_ascii_digit() || c == '.'), "{agent}: {device:?}");
            assert!(device.version.as_deref().unwrap_or_default().len() <= 24, "{agent}");
        }
        assert_eq!(Device::read("XChrome/1").browser, None);
    }
}
