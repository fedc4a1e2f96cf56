import {
  CreateOrganization,
  OrganizationList,
  OrganizationProfile,
  OrganizationSwitcher,
  Show,
  useAuth,
  useOrganization,
  useOrganizationList,
} from '@clerk/react';

/** What the hooks say of the active organization. */
function Here() {
  const { isLoaded, orgId, orgSlug, orgRole, has } = useAuth();
  const { organization, membership, memberships } = useOrganization({ memberships: { pageSize: 50 } });
  const { userMemberships } = useOrganizationList({ userMemberships: { pageSize: 50 } });
  if (!isLoaded) return null;
  const facts = {
    id: orgId,
    slug: orgSlug,
    role: orgRole,
    name: organization?.name,
    member: membership?.role,
    admin: String(has({ role: 'org:admin' })),
    members: memberships?.data?.map(({ publicUserData }) => publicUserData.identifier).sort().join(' '),
    mine: userMemberships.data?.map(({ organization }) => organization.name).sort().join(', '),
  };
  return (
    <dl>
      {Object.entries(facts).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-testid={`org-${name}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Team() {
  return (
    <>
      <Show when="signed-in">
        <OrganizationSwitcher
          afterCreateOrganizationUrl="/team"
          afterLeaveOrganizationUrl="/team"
          organizationProfileMode="navigation"
          organizationProfileUrl="/organization"
        />
        <Here />
      </Show>
      <Show when="signed-out">
        <p data-testid="signed-out">Signed out</p>
      </Show>
    </>
  );
}

/** The pages about organizations, by how their paths begin. */
export const pages = {
  '/team': <Team />,
  '/organizations': <OrganizationList afterSelectOrganizationUrl="/team" afterSelectPersonalUrl="/team" afterCreateOrganizationUrl="/team" />,
  '/organization': <OrganizationProfile routing="path" path="/organization" afterLeaveOrganizationUrl="/team" />,
  '/create-organization': <CreateOrganization routing="path" path="/create-organization" afterCreateOrganizationUrl="/team" />,
};
