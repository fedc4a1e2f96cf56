//! Moments: a time as pages show it.

use foundation::Timestamp;

const MONTHS: [&str; 12] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// A time in three forms, all in UTC. Scripts may turn them into the reader's zone.
pub(crate) struct Moment {
    /// For machines: `2026-01-05T14:03:09Z`.
    pub iso: String,
    /// In full: `5 January 2026, 14:03 UTC`.
    pub full: String,
    /// How long ago: `now`, `3 min`, `2 h`, `4 d`, and then the day.
    pub ago: String,
}

impl Moment {
    /// Describes `at` as seen from `now`.
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Moment {
        let rest = at.seconds().rem_euclid(86_400);
        let (hour, minute) = (rest / 3_600, rest / 60 % 60);
        let (year, month, day) = at.date();
        let name = usize::try_from(month - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or_default();
        let ago = match now.since(at).as_secs() {
            0..60 => "now".to_owned(),
            seconds @ 60..3_600 => format!("{} min", seconds / 60),
            seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
            seconds @ 86_400..604_800 => format!("{} d", seconds / 86_400),
            _ => format!("{day} {}", &name[..3]),
        };
        Moment { iso: at.rfc3339(), full: format!("{day} {name} {year}, {hour:02}:{minute:02} UTC"), ago }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let at = Timestamp::from_millis(1_767_621_789_000);
        let after = |seconds| Moment::new(at, at + Duration::from_secs(seconds)).ago;
        assert_eq!(Moment::new(at, at).iso, "2026-01-05T14:03:09Z");
        assert_eq!(Moment::new(at, at).full, "5 January 2026, 14:03 UTC");
        assert_eq!([after(0), after(59), after(60), after(7_200), after(90_000), after(700_000)], ["now", "now", "1 min", "2 h", "1 d", "5 Jan"]);
        assert_eq!(Moment::new(at, at - Duration::from_secs(5)).ago, "now", "the clock was set back");
    }
}
