using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;
using Latchkey.Server.Consent;
using Latchkey.Server.Keys;

namespace Latchkey.Server.Tests.Consent;

/// <summary>What an app asks for, in words.</summary>
public sealed class ScopeGroupsTests
{
    private static readonly ServerConfiguration Configuration = new(
        1, [],
        [
            new ResourceMetadata
            {
                Resource = "https://api.example.com",
                Name = "Example API",
                Scopes = [new ResourceScope { Scope = "api:read", Description = "Read your data" }, new ResourceScope { Scope = "api:write" }],
            },
            new ResourceMetadata { Resource = "https://files.example.com", Scopes = [new ResourceScope { Scope = "files:read", Description = new string('w', 5_000) }] },
        ],
        new KeyRing([], []));

    [Fact, Spec("OIDC Core", "5.4"), Spec("RFC 6749", "3.3")]
    public void Scopes_of_each_API_come_first_then_the_person_then_lasting_access()
    {
        var groups = ScopeGroups.Of(["openid", "offline_access", "email", "api:write", "api:read"], Configuration);
        Assert.Equal(["Example API", "Who you are", "While you are away"], groups.Select(group => group.Title));
        Assert.Equal([true, false, false], groups.Select(group => group.Foreign));
        Assert.Equal([new ScopeView(null, "api:write"), new ScopeView("Read your data", "api:read")], groups[0].Scopes);
        Assert.Equal(["openid", "email"], groups[1].Scopes.Select(scope => scope.Scope));
        Assert.Equal([new ScopeView("Keep this access until you take it back", "offline_access")], groups[2].Scopes);
    }

    [Fact]
    public void Nothing_asked_for_is_nothing_shown() => Assert.Empty(ScopeGroups.Of([], Configuration));

    [Fact]
    public void An_API_s_own_words_are_cut() => Assert.Equal(300, ScopeGroups.Of(["files:read"], Configuration)[0].Scopes[0].Description!.Length);

    [Fact]
    public void Every_identity_scope_has_words() =>
        Assert.All(
            ScopeGroups.Of(["openid", "profile", "email", "address", "phone", "offline_access"], Configuration).SelectMany(group => group.Scopes),
            scope => Assert.NotNull(scope.Description));

    [Fact, Spec("OIDC Core", "5.5")]
    public void Single_claims_are_named_once_and_only_where_no_scope_covers_them()
    {
        var group = Assert.Single(ScopeGroups.Of(["openid", "email"], Configuration, ["email", "sub", "birthdate", "birthdate", "favourite_colour"]));
        Assert.Equal(["openid", "email", null, null], group.Scopes.Select(scope => scope.Scope));
        Assert.Equal(["See your date of birth", "See your favourite colour"], group.Scopes.Skip(2).Select(scope => scope.Description));
    }
}
