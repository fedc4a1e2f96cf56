//! What a conversion does to each table that belongs to an instance. A test compares this list with the database's own catalog, table by table and
//! column by column, so that whoever adds a table or a column decides about it.

/// What becomes of a table's rows.
#[derive(Clone, Copy, Debug)]
pub struct Treated {
    /// The table.
    pub table: &'static str,
    /// All its columns, where rows of it move or are copied; else those that name somebody.
    pub columns: &'static str,
    /// What becomes of the rows where users change pools inside their instance.
    pub pools: &'static str,
    /// What becomes of the rows of an organization that becomes an application.
    pub departs: &'static str,
}

/// What of a user is carried along as it is, wherever they go and whoever they become.
macro_rules! user_columns {
    () => {
        "first_name, last_name, locale, password_digest, password_updated_at, public_metadata, private_metadata, unsafe_metadata, banned, failed_attempts, \
         locked_until, delete_self_enabled, create_organization_enabled, create_organizations_limit, legal_accepted_at, last_sign_in_at, last_active_at, \
         created_at, updated_at, password_compromised_at, lockouts, locked_by_backend_until"
    };
}
pub(super) use user_columns;

/// Columns that are carried along as they are.
macro_rules! carried {
    ($($(#[$doc:meta])* $name:ident = $columns:literal;)*) => { $(
        $(#[$doc])*
        macro_rules! $name { () => { $columns }; }
        pub(super) use $name;
    )* };
}

carried! {
    /// An identifier without its id, its pool and its user.
    identifier_columns = "kind, given, norm, claimed, verified_by, created_at, updated_at";
    /// An organization without its role set, its creator and its numbers.
    organization_columns = "name, slug, image_id, public_metadata, private_metadata, max_allowed_memberships, admin_delete_enabled, exclusive_membership, last_active_at, created_at, updated_at";
    /// A membership without its organization, its user and its role.
    membership_columns = "id, public_metadata, private_metadata, created_at, updated_at";
    /// An invitation without its role and without anybody's id.
    invitation_columns = "id, organization_id, email_address, norm, role_key, role_name, status, domain_id, public_metadata, private_metadata, redirect_url, expires_at, created_at, updated_at";
    /// A domain.
    domain_columns = "id, organization_id, name, enrollment_mode, verified, affiliation_email_address, affiliation_strategy, affiliation_verified_at, ownership_strategy, ownership_value, ownership_attempts, ownership_expires_at, ownership_verified_at, created_at, updated_at";
    /// A picture without its owner.
    image_columns = "id, width, kind, content, created_at";
    /// A ticket without its pool and the organization that it leads to.
    ticket_columns = "id, kind, user_id, status, actor, session_seconds, expires_at, created_at, updated_at";
    /// What works once.
    once_columns = "id, purpose, owner, hash, payload, issued, attempts, most_attempts, expires_at, consumed_at, created_at";
}

const fn treated(table: &'static str, columns: &'static str, pools: &'static str, departs: &'static str) -> Treated {
    Treated { table, columns, pools, departs }
}

/// Every table of an instance.
pub const TREATED: &[Treated] = &[
    treated("audit", "instance_id, id, action, actor, subject, detail, created_at", "history: stays", "history: stays with the old instance"),
    treated(
        "clients",
        "instance_id, id, pool_id, secret_hash, last_active_session_id, sign_in_id, sign_up_id, last_authentication_strategy, created_at, updated_at",
        "those of doors that are gone are forgotten",
        "stay: a device can be several users'",
    ),
    treated("code_budgets", "instance_id, kind, subject, spent, ends_at", "stay: they are over in a day", "stay: they are over in a day"),
    treated("conversion_copies", "instance_id, conversion_id, user_id, organization_id, copy_id", "written", "written, in the old instance"),
    treated(
        "conversions",
        "instance_id, id, kind, wanted, status, fingerprint, report, done, stage, application_id, target_id, started_at, ended_at, created_at, updated_at",
        "written",
        "written, in the old instance",
    ),
    treated("counters", "instance_id, name, value", "count copies and deletions", "count here and there"),
    treated("data_keys", "instance_id, id, wrapped, created_at, master", "the instance's own: stay", "the new instance has its own"),
    treated("dev_browsers", "instance_id, id, secret_hash, client_id, created_at", "go with their clients", "stay with their clients"),
    treated("events", "instance_id, id, type, subject, data, created_at", "history: stays", "history: stays with the old instance"),
    treated(
        "identifiers",
        concat!("instance_id, id, pool_id, user_id, ", identifier_columns!()),
        "change pools, are copied; what several pools have stays with one",
        "move with their ids; copies' have ids of their own",
    ),
    treated("images", concat!("instance_id, owner, ", image_columns!()), "stay; copies have copies", "move with their owners; copies have copies"),
    treated(
        "instance_settings",
        "instance_id, layer, owner, document, version, updated_at, rules",
        "user_pool.mode is written at the end",
        "the new instance begins with the old one's",
    ),
    treated("jobs", "instance_id, id, kind, payload, run_at, lease_until, attempts, state", "the instance's own: stay", "stay"),
    treated(
        "jwt_templates",
        "instance_id, id, name, claims, lifetime, allowed_clock_skew, algorithm, sealed_key, created_at, updated_at",
        "the instance's own: stay",
        "the new instance gets those without a key of their own",
    ),
    treated(
        "known_devices",
        "instance_id, user_id, client_id, failed_attempts, lockouts, locked_until, seen_at",
        "go with their clients",
        "go with their users",
    ),
    treated(
        "mail_servers",
        "instance_id, host, port, encryption, username, password, from_address, from_name, fall_back, trials, trials_until, created_at, updated_at",
        "the instance's own: stay",
        "stay: the password is sealed, and whose it is",
    ),
    treated(
        "memberships",
        concat!("instance_id, organization_id, user_id, role_id, ", membership_columns!()),
        "stay, with their ids; further ones become the copies'",
        "move, with their ids",
    ),
    treated(
        "once",
        concat!("instance_id, ", once_columns!()),
        "stay: an address's code is good for the same id",
        "tickets move; codes end, they are hashed with a key of the instance",
    ),
    treated("organization_domains", concat!("instance_id, ", domain_columns!()), "stay", "move"),
    treated(
        "organization_invitations",
        concat!("instance_id, role_id, inviter_user_id, user_id, ", invitation_columns!()),
        "stay; names of people in other pools are taken off",
        "move, with their tickets",
    ),
    treated(
        "organization_membership_requests",
        "instance_id, id, organization_id, user_id, status, created_at, updated_at",
        "those to other organizations are dropped",
        "are dropped",
    ),
    treated(
        "organization_suggestions",
        "instance_id, id, organization_id, domain_id, invitation_id, user_id, status, created_at, updated_at",
        "those of other organizations are dropped",
        "are dropped",
    ),
    treated(
        "organizations",
        concat!("instance_id, id, role_set_id, created_by, members, pending_invitations, deleted_at, ", organization_columns!()),
        "stay; a creator in another pool is taken off",
        "the one moves, with its id",
    ),
    treated("permissions", "instance_id, id, key, name, description, created_at, updated_at", "the instance's own: stay", "are copied, under new ids"),
    treated("pool_names", "instance_id, slug, organization_id", "stay, and grow", "stay: nobody else gets the name"),
    treated("pools", "instance_id, id, organization_id, slug, created_at", "are made, or removed", "the organization's own is removed"),
    treated("redirect_urls", "instance_id, id, url, created_at", "the instance's own: stay", "the new instance gets them"),
    treated("role_permissions", "instance_id, role_id, permission_id", "the instance's own: stay", "are copied"),
    treated(
        "role_set_migrations",
        "instance_id, id, role_set_id, dest_role_set_id, trigger_type, status, mappings, migrated_members, started_at, created_at, updated_at",
        "the instance's own: go on",
        "stand in the way",
    ),
    treated("role_set_roles", "instance_id, role_set_id, role_id", "the instance's own: stay", "are copied"),
    treated(
        "role_sets",
        "instance_id, id, key, name, description, initial, default_role_id, creator_role_id, created_at, updated_at",
        "the instance's own: stay",
        "are copied, under new ids",
    ),
    treated("roles", "instance_id, id, key, name, description, created_at, updated_at", "the instance's own: stay", "are copied, under new ids"),
    treated(
        "sessions",
        "instance_id, id, user_id, client_id, status, first_factor_at, second_factor_at, last_active_organization_id, user_agent, ip_address, \
         last_active_at, expire_at, abandon_at, created_at, updated_at, actor, city, country",
        "end",
        "end, and go with their users",
    ),
    treated(
        "sign_ins",
        "instance_id, id, client_id, status, identifier, user_id, strategy, strategy_identifier_id, prepared_at, verified_at, created_session_id, \
         abandon_at, created_at, updated_at",
        "go with their clients",
        "stay; nobody is found by them",
    ),
    treated(
        "sign_ups",
        "instance_id, id, client_id, status, email_address, username, password_digest, first_name, last_name, unsafe_metadata, email_prepared_at, \
         email_verified_at, legal_accepted_at, created_user_id, created_session_id, abandon_at, created_at, updated_at, external_id, custom_action, \
         organization_invitation_id",
        "go with their clients",
        "stay; an invitation that has moved is not found",
    ),
    treated(
        "signing_keys",
        "instance_id, id, sealed, public_key, created_at, retired_at, signs_from, longest_life, published_until",
        "the instance's own: stay",
        "the new instance has its own",
    ),
    treated("tickets", concat!("instance_id, pool_id, organization_id, ", ticket_columns!()), "change pools with their users", "move with their users"),
    treated("upload_budgets", "instance_id, owner, uploads, since", "stay: they are over in an hour", "go with their owners"),
    treated(
        "users",
        concat!("instance_id, id, pool_id, external_id, primary_email_address_id, image_id, memberships, organizations_created, ", user_columns!()),
        "change pools; copies have an id of their own and no external id",
        "move with their ids; copies have an id of their own",
    ),
];
