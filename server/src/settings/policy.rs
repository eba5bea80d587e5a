//! `[policy]`: which calls are allowed, and how often.

use std::collections::HashSet;

use isolet_bindings::policy::{
    Action, Condition, ConditionTest, InvalidRule, NamePatterns, PolicyOptions, Rate, RateScope, Rule,
    parse_rate,
};

use super::error::SettingsError;
use super::toml_reader::{Found, Table};

/// The most rules, and the most rates. Each is compared with every call.
const MAX_RULES: usize = 1_000;

/// The names under which isolet itself refuses calls.
const RESERVED_NAMES: [&str; 5] = ["audit", "default", "lock", "read_only", "unlisted"];

const ACTIONS: [(&str, Action); 2] = [("allow", Action::Allow), ("deny", Action::Deny)];

const PER: [(&str, RateScope); 3] =
    [("tool", RateScope::Tool), ("tenant", RateScope::Tenant), ("all", RateScope::All)];

/// Reads the table.
pub fn read(mut table: Table<'_>) -> Result<PolicyOptions, SettingsError> {
    let mut options = PolicyOptions::default();
    table.set("default", &mut options.default, action)?;
    table.set("read_only", &mut options.read_only, Found::boolean)?;
    for found in table.read("read_only_tools", Found::list)?.unwrap_or_default() {
        let (server, tool) = found
            .text()?
            .split_once('/')
            .ok_or_else(|| found.error("expected \"server/tool\", with * and ? where several are meant"))?;
        let both = NamePatterns::new(&[server]).and_then(|server| Ok((server, NamePatterns::new(&[tool])?)));
        options.read_only_tools.push(both.map_err(|bad| found.error(&bad.to_string()))?);
    }
    let mut names = HashSet::new();
    if let Some(found) = table.find("rule") {
        for rule in found.tables()? {
            options.rules.push(self::rule(rule, options.default, &mut names)?);
        }
        if options.rules.len() > MAX_RULES {
            return Err(found.error_without_value(&format!("there are more than {MAX_RULES} rules")));
        }
    }
    if let Some(found) = table.find("rate") {
        for rate in found.tables()? {
            options.rates.push(self::rate(rate, &mut names)?);
        }
        if options.rates.len() > MAX_RULES {
            return Err(found.error_without_value(&format!("there are more than {MAX_RULES} rates")));
        }
    }
    table.finish()?;
    Ok(options)
}

fn action(found: &Found<'_>) -> Result<Action, SettingsError> {
    found.one_of(&ACTIONS)
}

fn rule(mut table: Table<'_>, default: Action, names: &mut HashSet<String>) -> Result<Rule, SettingsError> {
    let name = name(&mut table, names)?;
    let found =
        table.find("action").ok_or_else(|| table.error("a rule needs `action = \"allow\"` or \"deny\""))?;
    let action = action(&found)?;
    let rule = Rule {
        name,
        action,
        servers: globs(&mut table, "server")?,
        tools: globs(&mut table, "tool")?,
        when: conditions(&mut table, "when")?,
        unless: conditions(&mut table, "unless")?,
        reason: table.read("reason", Found::name)?,
    };
    if action == Action::Allow && default == Action::Allow && !rule.is_about_operations() {
        return Err(found.error(
            "what no rule denies is allowed already; set `default = \"deny\"` in [policy], or deny something",
        ));
    }
    table.finish()?;
    Ok(rule)
}

fn rate(mut table: Table<'_>, names: &mut HashSet<String>) -> Result<Rate, SettingsError> {
    let name = name(&mut table, names)?;
    let limit = table.find("limit").ok_or_else(|| table.error("a rate needs `limit`, such as \"60/m\""))?;
    let (calls, time) = parse_rate(limit.text()?).map_err(|bad| limit.error(&bad.to_string()))?;
    let per = table.read("per", |found| found.one_of(&PER))?.unwrap_or(RateScope::Tool);
    let (servers, tools) = (globs(&mut table, "server")?, globs(&mut table, "tool")?);
    table.finish()?;
    Ok(Rate { name, servers, tools, calls, time, scope: per })
}

/// Reads the name of a rule or rate. Refusals and audit records contain it, so it is unique.
fn name(table: &mut Table<'_>, names: &mut HashSet<String>) -> Result<String, SettingsError> {
    let found =
        table.find("name").ok_or_else(|| table.error("a rule needs a `name`, which refusals show"))?;
    let name = found.name()?;
    if RESERVED_NAMES.contains(&name.as_str()) {
        return Err(found.error("isolet uses this name itself"));
    }
    match names.insert(name.clone()) {
        true => Ok(name),
        false => Err(found.error("another rule has this name")),
    }
}

/// Reads one pattern or a list of patterns. Without the key, every name matches.
fn globs(table: &mut Table<'_>, key: &'static str) -> Result<NamePatterns, SettingsError> {
    let Some(found) = table.find(key) else { return Ok(NamePatterns::default()) };
    let texts = match found.list() {
        Ok(list) if list.is_empty() => {
            return Err(found.error("an empty list means nothing; leave it out for all"));
        }
        Ok(list) => list.iter().map(Found::text).collect::<Result<Vec<_>, _>>()?,
        Err(_) => vec![found.text()?],
    };
    NamePatterns::new(&texts).map_err(|bad| found.error(&bad.to_string()))
}

fn conditions(table: &mut Table<'_>, key: &'static str) -> Result<Vec<Condition>, SettingsError> {
    let Some(found) = table.find(key) else { return Ok(Vec::new()) };
    found.tables()?.into_iter().map(condition).collect()
}

fn condition(mut table: Table<'_>) -> Result<Condition, SettingsError> {
    let path = table
        .find("argument")
        .ok_or_else(|| table.error("a condition needs `argument`, such as \"/path\""))?;
    let tests = [
        table.read("equals", |found| Ok(ConditionTest::Is(vec![found.json()?])))?,
        table.read("in", |found| {
            Ok(ConditionTest::Is(found.list()?.iter().map(Found::json).collect::<Result<_, _>>()?))
        })?,
        table.read("matches", |found| Ok(ConditionTest::Matches(found.text()?.to_owned())))?,
        table.read("exists", |found| Ok(ConditionTest::Exists(found.boolean()?)))?,
    ];
    let ignore_case = table.read("ignore_case", Found::boolean)?.unwrap_or(false);
    let count = table.error("a condition needs one of `equals`, `in`, `matches` and `exists`");
    table.finish()?;
    let mut tests = tests.into_iter().flatten();
    let (Some(test), None) = (tests.next(), tests.next()) else { return Err(count) };
    Condition::new(path.text()?, test, ignore_case).map_err(|bad: InvalidRule| path.error(&bad.to_string()))
}
