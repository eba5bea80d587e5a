//! The transcript of a two-hour meeting, generated from parts of sentences. It is long, varied, and
//! always the same.
//!
//! It represents the data that agents handle: tens of kilobytes, of which a script needs a few
//! lines. Decisions and actions are marked, so that a script can find them.

use std::fmt::Write as _;

/// The people in the meeting. The first one leads it.
const PEOPLE: [&str; 7] = ["Amara", "Ines", "Tomas", "Priya", "Jonas", "Leila", "Marc"];

/// An item of the agenda.
struct AgendaItem {
    title: &'static str,
    things: [&'static str; 5],
    figures: [&'static str; 4],
    worries: [&'static str; 4],
    steps: [&'static str; 4],
    decision: &'static str,
    actions: [(&'static str, &'static str, &'static str); 2],
}

const AGENDA: [AgendaItem; 6] = [
    AgendaItem {
        title: "Where the pilot stands",
        things: [
            "the pilot in Rotterdam",
            "the depot scanner",
            "the night shift",
            "the handover screen",
            "label printing",
        ],
        figures: [
            "1,840 parcels went through yesterday",
            "four of the eleven docks are on the new flow",
            "the median scan takes 2.3 seconds",
            "we had nine support calls in the whole week",
        ],
        worries: [
            "the scanners lose the network behind the cold store",
            "people write the dock number on paper first and type it in later",
            "the second shift has had no training yet",
            "the old and the new labels look alike from two metres away",
        ],
        steps: [
            "put two more access points behind the cold store",
            "sit with the night shift for an hour on Tuesday",
            "print the dock number larger",
            "count the double scans for one week before we change anything",
        ],
        decision: "The pilot stays in Rotterdam for two more weeks before a second depot joins.",
        actions: [
            ("Tomas", "order two access points for the cold store", "2 December"),
            ("Leila", "train the second shift in Rotterdam", "4 December"),
        ],
    },
    AgendaItem {
        title: "Numbers from the trial",
        things: [
            "the weekly export",
            "the comparison with last year",
            "the error rate",
            "the cost per parcel",
            "the dashboard",
        ],
        figures: [
            "wrong sortings fell from 1.9 to 0.7 per cent",
            "we saved eleven minutes per truck on average",
            "the cost per parcel is down by four cents",
            "two days in the middle are missing because of the outage",
        ],
        worries: [
            "three weeks are too short to say anything about the season",
            "half of the gain may come from the extra person at dock five",
            "the finance team counts returns in another way than we do",
            "nobody has checked the export by hand since October",
        ],
        steps: [
            "show the two lost days as a gap and not as zeros",
            "ask finance for their definition in writing",
            "take the extra person out of the comparison",
            "check fifty rows of the export by hand",
        ],
        decision: "Figures are shown with the lost days marked, and without the extra person at dock five.",
        actions: [
            ("Priya", "recalculate the savings without dock five", "1 December"),
            ("Jonas", "get the definition of a return from finance", "30 November"),
        ],
    },
    AgendaItem {
        title: "What Halden wants in the contract",
        things: [
            "the service level",
            "the exit clause",
            "the price per dock",
            "data residency",
            "the support hours",
        ],
        figures: [
            "they ask for 99.9 per cent, measured monthly",
            "their draft has a notice period of thirty days",
            "the price they have in mind is 3,900 a month",
            "legal needs eight working days for a review",
        ],
        worries: [
            "a penalty per hour would cost more than the whole margin",
            "they want the data in the country, and the backup is not",
            "support at night means two more people on call",
            "thirty days are not enough to return the hardware",
        ],
        steps: [
            "offer ninety days and a fixed price for the hardware",
            "move the backup before we sign and not after",
            "give them night support for the two big depots only",
            "write the service level as it is measured today",
        ],
        decision: "We offer 99.8 per cent without a penalty, and ninety days of notice.",
        actions: [
            ("Ines", "send the changed draft to Halden", "3 December"),
            ("Marc", "price the move of the backup", "5 December"),
        ],
    },
    AgendaItem {
        title: "The integration with their ledger",
        things: [
            "the nightly import",
            "the customer number",
            "the test system",
            "the field mapping",
            "the retry queue",
        ],
        figures: [
            "the import takes forty minutes for a normal day",
            "six of the fifty-two fields have no counterpart",
            "about one in two hundred rows is refused",
            "their test system holds data from March",
        ],
        worries: [
            "the customer number has leading zeros in one system only",
            "a refused row stops the whole batch",
            "nobody on their side owns the mapping",
            "the test system is switched off at weekends",
        ],
        steps: [
            "treat the customer number as text everywhere",
            "put refused rows aside and go on",
            "name one person on each side for the mapping",
            "load last month's data into the test system",
        ],
        decision: "Refused rows go to a list of their own; the batch goes on.",
        actions: [
            ("Jonas", "make the import go on after a refused row", "9 December"),
            ("Amara", "ask Halden to name an owner for the mapping", "28 November"),
        ],
    },
    AgendaItem {
        title: "People and training",
        things: ["the handbook", "the first day", "the floor walkers", "the two new hires", "the video"],
        figures: [
            "forty-six people have to be trained by February",
            "one trainer can take eight people a day",
            "the handbook has ninety pages and nobody reads past ten",
            "three of the five floor walkers leave in January",
        ],
        worries: [
            "most questions come in the third week and not on the first day",
            "the video shows the screens of the old release",
            "we rely on Leila for everything in Spanish",
            "the trainers are booked for the week of the audit",
        ],
        steps: [
            "cut the handbook down to two pages per role",
            "plan a second visit in the third week",
            "record the video again after the release",
            "find a second person who can train in Spanish",
        ],
        decision: "Training has two dates per person: the first day and the third week.",
        actions: [
            ("Leila", "write the two-page handbook for dock staff", "12 December"),
            ("Marc", "plan the third-week visits", "10 December"),
        ],
    },
    AgendaItem {
        title: "What comes next",
        things: [
            "the second depot",
            "the release in January",
            "the audit",
            "the budget",
            "the steering meeting",
        ],
        figures: [
            "Antwerp has nineteen docks and three shifts",
            "the release has fourteen open points, two of them serious",
            "there are 21,000 left in this year's budget",
            "the auditors come on 15 December for three days",
        ],
        worries: [
            "the audit and the release fall into the same week",
            "Antwerp still runs the old scanners",
            "the budget for January is not signed",
            "if the access points come late, everything moves",
        ],
        steps: [
            "move the release behind the audit",
            "send somebody to Antwerp to look at the scanners",
            "ask for the January budget in the steering meeting",
            "agree on the day when we stop adding things",
        ],
        decision: "The release moves to 7 January, after the audit.",
        actions: [
            ("Amara", "tell the steering meeting about the new release date", "27 November"),
            ("Tomas", "look at the scanners in Antwerp", "8 December"),
        ],
    },
];

const OPENERS: [&str; 10] = [
    "I looked at {thing} again this morning.",
    "Can I say something about {thing}?",
    "Let me start with {thing}.",
    "On {thing} I have good news and bad news.",
    "We should not forget {thing}.",
    "I am not sure that {thing} is the real problem.",
    "Back to {thing} for a moment.",
    "Somebody asked me about {thing} yesterday.",
    "Honestly, {thing} went better than I thought.",
    "What I hear about {thing} is mixed.",
];

const MIDDLES: [&str; 8] = [
    "As of last night {figure}.",
    "In short, {figure}.",
    "I checked twice, and {figure}.",
    "The report says that {figure}.",
    "If I read it right, {figure}.",
    "What worries me is that {worry}.",
    "The trouble is that {worry}.",
    "On the floor they tell me that {worry}.",
];

const CLOSERS: [&str; 10] = [
    "I would {step}.",
    "Why don't we {step}?",
    "The cheapest thing is to {step}.",
    "Before anything else we have to {step}.",
    "I can help if we decide to {step}.",
    "{person}, would you agree?",
    "{person} knows more about that than I do.",
    "That is what I wanted to say.",
    "I would rather wait for the numbers.",
    "We had the same thing in spring, and it went away.",
];

const REPLIES: [&str; 8] = [
    "Yes.",
    "Agreed.",
    "I see it the other way round, {person}.",
    "Thank you, {person}, that helps.",
    "Sorry, I was on mute.",
    "Can you send that round afterwards?",
    "Let us take that offline.",
    "Good point.",
];

/// The length of the meeting, in seconds.
const MEETING_SECONDS: u32 = 2 * 60 * 60;

/// The end of an item that belongs to its decision and actions, in seconds.
const SUMMARY_SECONDS: u32 = 90;

/// Generates the text: about 300 turns in two hours, some 55,000 characters.
pub fn two_hours() -> String {
    let per_item = MEETING_SECONDS / u32::try_from(AGENDA.len()).expect("six items");
    let mut pick = SeededRandom(20_261_118);
    let mut text = String::with_capacity(64 * 1024);
    text.push_str("Halden pilot, steering group: transcript\nPresent: ");
    text.push_str(&PEOPLE.join(", "));
    text.push('\n');
    for (index, item) in AGENDA.iter().enumerate() {
        let begin = per_item * u32::try_from(index).expect("six items");
        let mut clock = begin;
        let mut speaker = PEOPLE[0];
        let _ = write!(text, "\n## {}. {}\n\n", index + 1, item.title);
        line(&mut text, clock, speaker, &format!("Next point: {}.", lower_first(item.title)));
        while clock < begin + per_item - SUMMARY_SECONDS {
            clock += 11 + pick.below(25);
            speaker = pick.other(&PEOPLE, speaker);
            let words = turn(&mut pick, item, speaker);
            line(&mut text, clock, speaker, &words);
        }
        clock += 15;
        line(&mut text, clock, PEOPLE[0], &format!("Decision: {}", item.decision));
        for (who, what, until) in item.actions {
            clock += 12;
            line(&mut text, clock, PEOPLE[0], &format!("Action: {who} will {what} by {until}."));
        }
    }
    text.push_str("\n[02:00:00] End of the meeting.\n");
    text
}

fn turn(pick: &mut SeededRandom, item: &AgendaItem, speaker: &'static str) -> String {
    if pick.below(6) == 0 {
        let person = pick.other(&PEOPLE, speaker);
        return pick.of(&REPLIES).replace("{person}", person);
    }
    let mut words = pick.of(&OPENERS).replace("{thing}", pick.of(&item.things));
    for _ in 0..=pick.below(2) {
        let middle = pick.of(&MIDDLES);
        let middle = middle.replace("{figure}", pick.of(&item.figures));
        words.push(' ');
        words.push_str(&middle.replace("{worry}", pick.of(&item.worries)));
    }
    let closer = pick.of(&CLOSERS).replace("{step}", pick.of(&item.steps));
    words.push(' ');
    words.push_str(&closer.replace("{person}", pick.other(&PEOPLE, speaker)));
    words
}

fn line(text: &mut String, clock: u32, speaker: &str, words: &str) {
    let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
    let _ = writeln!(text, "[{hours:02}:{minutes:02}:{seconds:02}] {speaker}: {words}");
}

fn lower_first(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A pseudo-random sequence (SplitMix64) that is the same with every version of every crate.
struct SeededRandom(u64);

impl SeededRandom {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(end)).expect("below a u32")
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(u32::try_from(choices.len()).expect("a short list")) as usize]
    }

    /// Returns one of `choices` other than `last`, so that no person answers themselves.
    fn other(&mut self, choices: &[&'static str], last: &str) -> &'static str {
        loop {
            let choice = self.of(choices);
            if choice != last {
                return choice;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transcript_is_long_varied_and_always_the_same() {
        let text = two_hours();
        assert_eq!(text, two_hours());
        assert!((50_000..60_000).contains(&text.len()), "{} bytes", text.len());
        assert!(!text.contains('{'), "an unfilled slot");
        let turns: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        let different: std::collections::HashSet<&str> =
            turns.iter().map(|turn| turn.split_once("] ").map_or(*turn, |(_, words)| words)).collect();
        assert!(different.len() * 10 > turns.len() * 8, "{} of {} differ", different.len(), turns.len());
        assert_eq!(turns.iter().filter(|turn| turn.contains(": Decision: ")).count(), 6);
        assert_eq!(turns.iter().filter(|turn| turn.contains(": Action: ")).count(), 12);
        assert!(turns.windows(2).all(|two| two[0][..10] <= two[1][..10]), "time goes forward");
    }
}
