//! Several requests with their shares.

use std::sync::Arc;

use super::request::RequestPlan;

/// One kind of request of a load.
#[derive(Debug, Clone)]
pub struct MixPart {
    /// The name in the report.
    pub name: String,
    pub plan: Arc<RequestPlan>,
    /// The share of all requests. The shares of a mix add up to 1.
    pub share: f64,
}

/// The kinds of requests of a load. The first one is what is measured; the others are its
/// neighbours, with figures of their own.
#[derive(Debug, Clone)]
pub struct Mix {
    pub parts: Vec<MixPart>,
}

impl Mix {
    /// Returns a load of one kind of request.
    pub fn of(plan: RequestPlan) -> Self {
        Self { parts: vec![MixPart { name: "requests".to_owned(), plan: Arc::new(plan), share: 1.0 }] }
    }

    /// Returns a load of one kind with neighbours, which have the given shares.
    pub fn with_neighbours(plan: RequestPlan, neighbours: Vec<MixPart>) -> Self {
        let mut mix = Self::of(plan);
        mix.parts[0].share = (1.0 - neighbours.iter().map(|part| part.share).sum::<f64>()).max(0.0);
        mix.parts.extend(neighbours);
        mix
    }
}

/// The order of the kinds: after any number of requests each kind has had its share, to within
/// one request. A random order would make the number of hostile requests differ between rounds.
#[derive(Debug)]
pub struct Turns {
    shares: Vec<f64>,
    owed: Vec<f64>,
}

impl Turns {
    pub fn new(mix: &Mix) -> Self {
        let shares: Vec<f64> = mix.parts.iter().map(|part| part.share).collect();
        Self { owed: vec![0.0; shares.len()], shares }
    }

    /// Returns the number of the next part.
    pub fn next_part(&mut self) -> usize {
        let mut next = 0;
        for part in 0..self.shares.len() {
            self.owed[part] += self.shares[part];
            if self.owed[part] > self.owed[next] {
                next = part;
            }
        }
        self.owed[next] -= 1.0;
        next
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn every_part_has_its_share_at_any_time() {
        let plan = || RequestPlan::probe("http://127.0.0.1:9/", false, Duration::ZERO);
        let neighbour = |share, plan| MixPart { name: "x".to_owned(), plan: Arc::new(plan), share };
        let neighbours = vec![neighbour(0.01, plan().await.unwrap()), neighbour(0.2, plan().await.unwrap())];
        let mut turns = Turns::new(&Mix::with_neighbours(plan().await.unwrap(), neighbours));
        let mut counts = [0_usize; 3];
        for total in 1..=1000 {
            counts[turns.next_part()] += 1;
            for (count, share) in counts.iter().zip([0.79, 0.01, 0.2]) {
                assert!((*count as f64 - share * f64::from(total)).abs() < 1.01, "{counts:?}");
            }
        }
        assert_eq!(counts, [790, 10, 200]);
    }
}
