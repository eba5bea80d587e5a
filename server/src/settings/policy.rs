//! `[policy]`: which calls are allowed, and how often.

use std::collections::HashSet;

use isolet_bindings::policy::{Action, BadRule, Condition, Names, Options, Per, Rate, Rule, Test, rate};

use super::error::SettingsError;
use super::table::{Found, Table};

/// More rules than anybody oversees; each costs every call a comparison.
const MOST_RULES: usize = 1_000;

/// Names that isolet gives as rules itself.
const RESERVED: [&str; 5] = ["audit", "default", "lock", "read_only", "unlisted"];

#[derive(clap::ValueEnum, Clone, Copy)]
enum Word {
    Allow,
    Deny,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum PerWord {
    Tool,
    Tenant,
    All,
}

/// Reads the table.
pub fn read(mut table: Table<'_>) -> Result<Options, SettingsError> {
    let mut options = Options::default();
    table.set("default", &mut options.default, action)?;
    table.set("read_only", &mut options.read_only, Found::boolean)?;
    for found in table.read("read_only_tools", Found::list)?.unwrap_or_default() {
        let (server, tool) = found
            .text()?
            .split_once('/')
            .ok_or_else(|| found.error("expected \"server/tool\", with * and ? where several are meant"))?;
        let both = Names::new(&[server]).and_then(|server| Ok((server, Names::new(&[tool])?)));
        options.read_only_tools.push(both.map_err(|bad| found.error(&bad.to_string()))?);
    }
    let mut names = HashSet::new();
    if let Some(found) = table.find("rule") {
        for rule in found.tables()? {
            options.rules.push(self::rule(rule, options.default, &mut names)?);
        }
        if options.rules.len() > MOST_RULES {
            return Err(found.hidden_error(&format!("there are more than {MOST_RULES} rules")));
        }
    }
    if let Some(found) = table.find("rate") {
        for rate in found.tables()? {
            options.rates.push(self::rate(rate, &mut names)?);
        }
        if options.rates.len() > MOST_RULES {
            return Err(found.hidden_error(&format!("there are more than {MOST_RULES} rates")));
        }
    }
    table.finish()?;
    Ok(options)
}

fn action(found: &Found<'_>) -> Result<Action, SettingsError> {
    Ok(match found.choice()? {
        Word::Allow => Action::Allow,
        Word::Deny => Action::Deny,
    })
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
    let (calls, time) = rate::parse(limit.text()?).map_err(|bad| limit.error(&bad.to_string()))?;
    let per = table.read("per", Found::choice)?.map_or(Per::Tool, |word| match word {
        PerWord::Tool => Per::Tool,
        PerWord::Tenant => Per::Tenant,
        PerWord::All => Per::All,
    });
    let (servers, tools) = (globs(&mut table, "server")?, globs(&mut table, "tool")?);
    table.finish()?;
    Ok(Rate { name, servers, tools, calls, time, per })
}

/// A name of its own: refusals and records name the rule.
fn name(table: &mut Table<'_>, names: &mut HashSet<String>) -> Result<String, SettingsError> {
    let found =
        table.find("name").ok_or_else(|| table.error("a rule needs a `name`, which refusals show"))?;
    let name = found.name()?;
    if RESERVED.contains(&name.as_str()) {
        return Err(found.error("isolet uses this name itself"));
    }
    match names.insert(name.clone()) {
        true => Ok(name),
        false => Err(found.error("another rule has this name")),
    }
}

/// One glob, or a list of them; without any, every name.
fn globs(table: &mut Table<'_>, key: &'static str) -> Result<Names, SettingsError> {
    let Some(found) = table.find(key) else { return Ok(Names::default()) };
    let texts = match found.list() {
        Ok(list) if list.is_empty() => {
            return Err(found.error("an empty list means nothing; leave it out for all"));
        }
        Ok(list) => list.iter().map(Found::text).collect::<Result<Vec<_>, _>>()?,
        Err(_) => vec![found.text()?],
    };
    Names::new(&texts).map_err(|bad| found.error(&bad.to_string()))
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
        table.read("equals", |found| Ok(Test::Is(vec![found.json()?])))?,
        table.read("in", |found| {
            Ok(Test::Is(found.list()?.iter().map(Found::json).collect::<Result<_, _>>()?))
        })?,
        table.read("matches", |found| Ok(Test::Matches(found.text()?.to_owned())))?,
        table.read("exists", |found| Ok(Test::Exists(found.boolean()?)))?,
    ];
    let ignore_case = table.read("ignore_case", Found::boolean)?.unwrap_or(false);
    let count = table.error("a condition needs one of `equals`, `in`, `matches` and `exists`");
    table.finish()?;
    let mut tests = tests.into_iter().flatten();
    let (Some(test), None) = (tests.next(), tests.next()) else { return Err(count) };
    Condition::new(path.text()?, test, ignore_case).map_err(|bad: BadRule| path.error(&bad.to_string()))
}
