-- Keys that end: secret keys that overlap, signing keys in rotation, and which master key wraps what.

-- tables
create index secret_keys_expired on secret_keys (expires_at);

-- A key made before this file signs at once, and may have signed tokens of ten years, the longest that there are.
alter table signing_keys add column signs_from bigint not null default 0;
alter table signing_keys add column longest_life bigint not null default 315360000000;
alter table signing_keys add column published_until bigint;

alter table data_keys add column master text;
create index data_keys_master on data_keys (master);
