//! Time: unix milliseconds, and the clock that everything asks.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as tokens and cookies carry them.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads a date and time in UTC or with an offset (RFC 3339), to the millisecond; `None` for anything else.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let number = |from: usize, to: usize| text.get(from..to).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse::<i64>().ok();
        let mark = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_some_and(|b| marks.contains(b));
        if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":")) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let longest = days.get(usize::try_from(month - 1).ok()?)?;
        if !(1..=*longest).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut millis = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            millis = format!("{:0<3}", fraction.get(..digits.min(3)).filter(|d| !d.is_empty())?).parse::<i64>().ok()?;
            rest = fraction.get(digits..)?;
        }
        let offset = match rest.as_bytes() {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()) => {
                let two = |a: &u8, b: &u8| i64::from(a - b'0') * 10 + i64::from(b - b'0');
                (two(h1, h2) * 60 + two(m1, m2)) * if *sign == b'-' { -60 } else { 60 }
            }
            _ => return None,
        };
        // Days from civil, after Howard Hinnant's algorithm: years begin in March, so that a leap day is the last.
        let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let era = y.div_euclid(400);
        let of_era = y.rem_euclid(400);
        let day_count = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719_468;
        Some(Timestamp((day_count * 86_400 + hour * 3_600 + minute * 60 + second - offset) * 1000 + millis))
    }

    /// Year, month and day in UTC: Howard Hinnant's `civil_from_days`.
    pub const fn date(self) -> (i64, i64, i64) {
        let shifted = self.seconds().div_euclid(86_400) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
    }

    /// The date and time in UTC, to the second (RFC 3339): `2026-01-05T14:03:09Z`.
    pub fn rfc3339(self) -> String {
        let rest = self.seconds().rem_euclid(86_400);
        let (year, month, day) = self.date();
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, later: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, earlier: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Tells the time. The real one lives in the world; tests hold one that they move by hand.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let date = |days: i64| Timestamp::from_millis(days * 86_400_000).date();
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(-1), (1969, 12, 31));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(47_540), (2100, 2, 28));
        assert_eq!(date(47_541), (2100, 3, 1), "no leap day in 2100");
        for text in ["1970-01-01T00:00:00Z", "2026-11-21T20:50:29Z", "2024-02-29T23:59:59Z"] {
            assert_eq!(Timestamp::parse_rfc3339(text).map(Timestamp::rfc3339).as_deref(), Some(text));
        }
    }

    #[test]
    fn dates_are_read_to_the_millisecond() {
        let read = |text| Timestamp::parse_rfc3339(text).map(Timestamp::millis);
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read("2026-11-21T20:50:29.5Z"), Some(1_795_294_229_500));
        assert_eq!(read("2024-02-29T23:59:59.123456+02:00"), Some(1_709_243_999_123));
        assert_eq!(read("1969-12-31T23:59:59Z"), Some(-1_000));
        for text in [
            "",
            "2026",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00 UTC",
            "２026-01-01T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
