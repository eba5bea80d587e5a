//! `[limits]`: the limits of each run, and the number of runs that may wait.

use isolet_runtime::Limits;
use isolet_runtime::limits::LimitValue;

use super::error::SettingsError;
use super::toml_reader::Table;

/// Reads the table into `limits` and `queue`.
pub fn read(
    mut table: Table<'_>,
    limits: &mut Limits,
    queue: &mut Option<usize>,
) -> Result<(), SettingsError> {
    for (name, value) in limits.values() {
        match value {
            LimitValue::Time(time, allowed) => table.set(name, time, |given| given.duration(allowed))?,
            LimitValue::Bytes(bytes, allowed) => table.set(name, bytes, |given| given.size(allowed))?,
            LimitValue::Count(count, allowed) => {
                let (least, most) = (u64::from(*allowed.start()), u64::from(*allowed.end()));
                table.set(name, count, |given| Ok(given.number(least..=most)? as u32))?;
            }
        }
    }
    *queue = table.read("queue", |queue| Ok(queue.number(0..=100_000)? as usize))?;
    table.finish()
}
