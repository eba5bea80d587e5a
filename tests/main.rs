//! The end-to-end tests: they drive the built binary `isolet` from outside, over sockets and pipes.
//!
//! One binary for all of them, since each test binary compiles the harness and links what it uses.
//! `cargo test --test e2e http::` runs the tests of one module.
//!
//! | module | what is tested |
//! |---|---|
//! | [`harness`] | not a test: what the tests share |
//! | [`agent_http`] | the HTTP API as an agent's own loop uses it |
//! | [`agents`] | `examples/agents` with real SDKs and a scripted model |
//! | [`audit`] | `[audit]`: one line for each call and each run |
//! | [`auth`] | `isolet auth` against an authorization server |
//! | [`bad_input`] | malformed requests and scripts |
//! | [`browser`] | attacks from web pages, in Chromium |
//! | [`caches`] | `caches` of Workers |
//! | [`callers`] | tokens, UNIX sockets, and local programs as callers |
//! | [`chaos`] | processes that are killed at bad moments |
//! | [`children`] | MCP servers end with isolet, however it ends |
//! | [`cli`] | `isolet run`, `types`, `--version`: output and exit codes |
//! | [`commands`] | the commands that list, call and search tools |
//! | [`configs`] | `mcp.json` and the files of other clients |
//! | [`conformance`] | the official MCP conformance suite, both ways |
//! | [`declarations`] | served declarations compile under `tsc --strict` |
//! | [`dev`] | `isolet dev`: projects, changes, errors |
//! | [`dev_assets`] | `isolet dev`: static assets |
//! | [`dev_events`] | `isolet dev`: scheduled events, service-worker syntax |
//! | [`dev_processes`] | `isolet dev`: Workers in jailed processes, limits, neighbours |
//! | [`dev_requests`] | `isolet dev`: requests and responses on the wire |
//! | [`event_source`] | `EventSource` of Workers |
//! | [`http`] | the HTTP API of `isolet serve` |
//! | [`http_callers`] | the callers that it admits: tokens, host names, web pages |
//! | [`install`] | `isolet mcp install` |
//! | [`jail`] | machines that refuse a layer of the jail |
//! | [`libraries`] | packages of npm that scripts import |
//! | [`limits`] | limits fire whatever a script does |
//! | [`loaders`] | Workers whose code another Worker gives |
//! | [`lock`] | `isolet lock` |
//! | [`mcp`] | `isolet mcp`, from hand-made clients |
//! | [`mcp_clients`] | isolet as an MCP server, from the official SDKs |
//! | [`mcp_endpoint`] | `/mcp`, from hand-made clients |
//! | [`mcp_notifications`] | pass-through of log messages and updates of resources |
//! | [`mcp_pass`] | pass-through of tools, prompts and resources |
//! | [`neighbours`] | MCP servers of one user do not see each other's secrets |
//! | [`no_jit`] | V8 without its compilers |
//! | [`node_http_client`] | requests of `node:http` and `node:https` |
//! | [`outgoing`] | what Workers fetch from other servers |
//! | [`poison`] | hostile text in logs and on terminals |
//! | [`policy`] | `[policy]` |
//! | [`promises`] | every promise of `docs/security.md` names tests that exist |
//! | [`runners`] | zygotes and runners: jailed, without secrets, replaceable |
//! | [`scripts`] | scripts as models write them |
//! | [`serve_workers`] | `isolet serve --worker`: Workers by host and path |
//! | [`services`] | Workers that call each other |
//! | [`settings`] | `isolet.toml` |
//! | [`start`] | environments that lack something |
//! | [`tenants`] | several tokens on one server |
//! | [`trust`] | which configuration files are used |
//! | [`typescript`] | TypeScript with runtime semantics |
//! | [`upstreams`] | real and misbehaving MCP servers |
//! | [`values`] | conversion of tools' results and of scripts' results |
//! | [`websocket_clients`] | WebSockets of Workers to other servers, and to other Workers |
//! | [`websockets`] | WebSockets of Workers |
//! | [`workers`] | projects with npm packages in `isolet dev`, compared with `wrangler dev` |

mod harness;

mod agent_http;
mod agents;
mod audit;
mod auth;
mod bad_input;
mod browser;
mod caches;
mod callers;
mod chaos;
mod children;
mod cli;
mod commands;
mod configs;
mod conformance;
mod declarations;
mod dev;
mod dev_assets;
mod dev_events;
#[cfg(target_os = "linux")]
mod dev_processes;
mod dev_requests;
mod event_source;
mod http;
mod http_callers;
mod install;
#[cfg(target_os = "linux")]
mod jail;
mod libraries;
mod limits;
mod loaders;
mod lock;
mod mcp;
mod mcp_clients;
mod mcp_endpoint;
mod mcp_notifications;
mod mcp_pass;
mod neighbours;
#[cfg(target_os = "linux")]
mod no_jit;
mod node_http_client;
mod outgoing;
mod poison;
mod policy;
mod promises;
mod runners;
mod scripts;
mod serve_workers;
mod services;
mod settings;
mod start;
mod tenants;
mod trust;
mod typescript;
mod upstreams;
mod values;
mod websocket_clients;
mod websockets;
mod workers;
