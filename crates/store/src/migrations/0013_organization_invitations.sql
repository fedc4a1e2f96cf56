-- Invitations to organizations. One that waits for an answer holds a seat, which is counted in `organizations.pending_invitations`.

-- tables
create table organization_invitations (
  instance_id text not null,
  id text not null,
  organization_id text not null,
  email_address text not null,
  norm text not null,
  role_id text,
  role_key text not null,
  role_name text not null,
  inviter_user_id text,
  user_id text,
  status text not null,
  public_metadata text not null,
  private_metadata text not null,
  redirect_url text,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (instance_id, id)
);
create unique index organization_invitations_instance_id_organization_id_norm_key on organization_invitations (instance_id, organization_id, norm) where status = 'pending';
create index organization_invitations_organization on organization_invitations (instance_id, organization_id, created_at, id);
create index organization_invitations_norm on organization_invitations (instance_id, norm, created_at, id);
create index organization_invitations_created on organization_invitations (instance_id, created_at, id);
create index organization_invitations_expiring on organization_invitations (instance_id, organization_id, expires_at) where status = 'pending';
create index organization_invitations_role on organization_invitations (instance_id, role_id);
create index organization_invitations_inviter on organization_invitations (instance_id, inviter_user_id);
create index organization_invitations_user on organization_invitations (instance_id, user_id);

alter table sign_ups add column organization_invitation_id text;

-- foreign keys
alter table organization_invitations add foreign key (instance_id, organization_id) references organizations (instance_id, id) on delete cascade;
alter table organization_invitations add foreign key (instance_id, role_id) references roles (instance_id, id);
