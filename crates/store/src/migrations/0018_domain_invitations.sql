-- Invitations that domains have made by themselves, and whose suggestions they stand for.

-- tables
alter table organization_invitations add column domain_id text;
create index organization_invitations_domain on organization_invitations (instance_id, domain_id, id) where status = 'pending';
alter table organization_suggestions add column invitation_id text;
create index organization_suggestions_invitation on organization_suggestions (instance_id, invitation_id) where invitation_id is not null;
