//! The tool `plan_trip`, with nested arguments and results.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{Arguments, DemoError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trip {
    stops: Vec<Stop>,
    travellers: Vec<Traveller>,
    #[serde(default)]
    preferences: Preferences,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    name: String,
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Traveller {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    fare: Fare,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Fare {
    #[default]
    Adult,
    Child,
    Senior,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Preferences {
    #[serde(default)]
    mode: Mode,
    budget: Option<Budget>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Train,
    Car,
    Plane,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    amount: f64,
    #[serde(rename = "currency")]
    _currency: Option<Euro>,
}

#[derive(Deserialize)]
enum Euro {
    #[serde(rename = "EUR")]
    Eur,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Car => "car",
            Self::Plane => "plane",
        }
    }

    /// Returns kilometres per hour, minutes lost at both ends, and euros per kilometre. The figures
    /// are made up.
    fn figures(self) -> (f64, f64, f64) {
        match self {
            Self::Train => (140.0, 15.0, 0.12),
            Self::Car => (85.0, 10.0, 0.30),
            Self::Plane => (700.0, 150.0, 0.18),
        }
    }
}

impl Fare {
    fn share(self) -> f64 {
        match self {
            Self::Adult => 1.0,
            Self::Child => 0.5,
            Self::Senior => 0.75,
        }
    }
}

/// The most stops, and the most travellers.
const MAX_ENTRIES: usize = 50;

/// Returns the answer of `plan_trip`.
pub fn plan(arguments: Arguments) -> Result<Value, DemoError> {
    let trip: Trip = arguments.parse()?;
    if !(2..=MAX_ENTRIES).contains(&trip.stops.len()) {
        return Err(DemoError(format!("plan_trip: `stops` must have 2 to {MAX_ENTRIES} places")));
    }
    if !(1..=MAX_ENTRIES).contains(&trip.travellers.len()) {
        return Err(DemoError(format!("plan_trip: `travellers` must have 1 to {MAX_ENTRIES} entries")));
    }
    if let Some(place) =
        trip.stops.iter().find(|place| place.latitude.abs() > 90.0 || place.longitude.abs() > 180.0)
    {
        return Err(DemoError(format!("plan_trip: {} is not on Earth, check its coordinates", place.name)));
    }
    let (speed, lost, fare) = trip.preferences.mode.figures();
    let fares: f64 = trip.travellers.iter().map(|traveller| traveller.fare.share()).sum();
    let (mut all_kilometres, mut all_minutes, mut all_price) = (0.0, 0, 0.0);
    let legs: Vec<Value> = trip
        .stops
        .windows(2)
        .map(|two| {
            let kilometres = round_to_tenths(distance(&two[0], &two[1]));
            let minutes = (kilometres / speed * 60.0 + lost).round() as i64;
            let price = round_to_cents(kilometres * fare * fares);
            all_kilometres += kilometres;
            all_minutes += minutes;
            all_price += price;
            json!({
                "from": two[0].name, "to": two[1].name, "mode": trip.preferences.mode.name(),
                "kilometres": kilometres, "minutes": minutes, "price": price,
            })
        })
        .collect();
    let all_price = round_to_cents(all_price);
    Ok(json!({
        "legs": legs,
        "total": { "kilometres": round_to_tenths(all_kilometres), "minutes": all_minutes, "price": all_price },
        "within_budget": trip.preferences.budget.map(|budget| all_price <= budget.amount),
    }))
}

/// Returns the great-circle distance in kilometres.
fn distance(from: &Stop, to: &Stop) -> f64 {
    const EARTH_RADIUS: f64 = 6371.0;
    let (from_latitude, to_latitude) = (from.latitude.to_radians(), to.latitude.to_radians());
    let north = (to_latitude - from_latitude) / 2.0;
    let east = (to.longitude - from.longitude).to_radians() / 2.0;
    let half_chord = north.sin().powi(2) + from_latitude.cos() * to_latitude.cos() * east.sin().powi(2);
    2.0 * EARTH_RADIUS * half_chord.sqrt().min(1.0).asin()
}

fn round_to_tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn round_to_cents(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(trip: Value) -> Result<Value, DemoError> {
        let Value::Object(given) = trip else { panic!("an object") };
        plan(Arguments::new("plan_trip", given, &["stops", "travellers", "preferences"]).unwrap())
    }

    #[test]
    fn legs_add_up_and_fares_count() {
        let stops = json!([
            { "name": "Lyon", "latitude": 45.76, "longitude": 4.84 },
            { "name": "Paris", "latitude": 48.86, "longitude": 2.35 },
            { "name": "Brussels", "latitude": 50.85, "longitude": 4.35 },
        ]);
        let travellers = json!([{ "name": "A" }, { "name": "B", "fare": "child" }]);
        let trip = planned(
            json!({ "stops": stops, "travellers": travellers, "preferences": { "budget": { "amount": 100 } } }),
        )
        .unwrap();
        assert_eq!(trip["legs"].as_array().unwrap().len(), 2);
        let first = trip["legs"][0]["kilometres"].as_f64().unwrap();
        assert!((380.0..400.0).contains(&first), "Lyon to Paris is {first} km");
        assert_eq!(trip["within_budget"], false);
        assert_eq!(trip["legs"][0]["price"], round_to_cents(first * 0.12 * 1.5));
    }

    #[test]
    fn wrong_arguments_are_refused_with_a_reason() {
        let one = json!([{ "name": "Lyon", "latitude": 45.76, "longitude": 4.84 }]);
        let travellers = json!([{ "name": "A", "fare": "dog" }]);
        let error = planned(json!({ "stops": one, "travellers": travellers })).unwrap_err();
        assert!(error.0.contains("unknown variant `dog`"), "{error}");
        let error = planned(json!({ "stops": one, "travellers": [{ "name": "A" }] })).unwrap_err();
        assert!(error.0.contains("2 to 50"), "{error}");
    }
}
