using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;
using Latchkey.Server.Profiles;

namespace Latchkey.Server.Tests.Profiles;

/// <summary>Each rule of each profile, at the moment something that breaks it is declared.</summary>
public sealed class ProfileRulesTests
{
    private const string Security = "FAPI 2.0 Security Profile";

    public static TheoryData<string, string, string, string, string> Broken => new()
    {
        // profile, what is declared, and the setting, section and mend that the error names
        { "fapi2-security", """{"token_endpoint_auth_method":"client_secret_basic"}""", "token_endpoint_auth_method", Security + " section 5.3.2.1", "private_key_jwt" },
        { "fapi2-security", """{"token_endpoint_auth_method":"none"}""", "token_endpoint_auth_method", Security + " section 5.3.2.1", "private_key_jwt" },
        { "fapi2-security", """{"refresh_token_rotation":"rotate"}""", "refresh_token_rotation", Security + " section 5.3.2.1", "keep" },
        { "fapi2-security", """{"require_pushed_authorization_requests":false}""", "require_pushed_authorization_requests", Security + " section 5.3.2.2", "true" },
        { "fapi2-security", """{"dpop_bound_access_tokens":false}""", "dpop_bound_access_tokens", Security + " section 5.3.2.1", "tls_client_certificate_bound_access_tokens" },
        { "fapi2-security", """{"redirect_uris":["http://127.0.0.1:3000/callback"]}""", "redirect_uris", Security + " section 5.3.2.2", "https" },
        { "fapi2-security", """{"id_token_signed_response_alg":"RS256"}""", "id_token_signed_response_alg", Security + " section 5.4.1", "PS256" },
        { "fapi2-security", """{"authorization_signed_response_alg":"ES384"}""", "authorization_signed_response_alg", Security + " section 5.4.1", "ES256" },
        { "fapi2-security", """{"introspection_signed_response_alg":"RS256"}""", "introspection_signed_response_alg", Security + " section 5.4.1", "ES256" },
        { "fapi2-security", """{"userinfo_signed_response_alg":"RS512"}""", "userinfo_signed_response_alg", Security + " section 5.4.1", "Ed25519" },
        { "fapi2-security", """{"token_endpoint_auth_signing_alg":"RS256"}""", "token_endpoint_auth_signing_alg", Security + " section 5.4.1", "PS256" },
        { "fapi2-security", """{"request_object_signing_alg":"PS512"}""", "request_object_signing_alg", Security + " section 5.4.1", "PS256" },
        { "fapi2-security", """{"accept_endpoint_audience":true}""", "accept_endpoint_audience", "RFC 10070", "issuer" },
        { "fapi2-security", """{"require_pkce":false}""", "require_pkce", "OAuth 2.1 section 7.5.1", "code_challenge" },
        { "fapi2-message-signing", """{"require_signed_request_object":false}""", "require_signed_request_object", "FAPI 2.0 Message Signing section 5.3.1", "true" },
        { "fapi2-message-signing", """{"token_endpoint_auth_method":"tls_client_auth","tls_client_auth_san_dns":"bank.example.com","jwks":null}""", "jwks", "FAPI 2.0 Message Signing section 5.3.1", "jwks_uri" },
        { "fapi2-message-signing", """{"refresh_token_rotation":"rotate"}""", "refresh_token_rotation", Security + " section 5.3.2.1", "keep" },
        { "oauth21", """{"require_pkce":false}""", "require_pkce", "OAuth 2.1 section 7.5.1", "code_challenge" },
        { "oauth21", """{"accept_endpoint_audience":true}""", "accept_endpoint_audience", "RFC 10070", "issuer" },
        { "mcp", """{"require_pkce":false}""", "require_pkce", "OAuth 2.1 section 7.5.1", "code_challenge" },
    };

    [Theory, MemberData(nameof(Broken)), Spec(Security, "5.3.2.1"), Spec(Security, "5.3.2.2"), Spec(Security, "5.4.1"), Spec("FAPI 2.0 Message Signing", "5.3.1")]
    public void What_breaks_a_profile_is_refused_with_setting_section_and_mend(string profile, string change, string setting, string section, string mend)
    {
        var error = Assert.Throws<AdministrationException>(() => Read(profile, change));
        Assert.StartsWith("test: clients[0]: " + setting, error.Message, StringComparison.Ordinal);
        Assert.Contains(section, error.Message, StringComparison.Ordinal);
        Assert.Contains(mend, error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("oauth21"), InlineData("fapi2-security"), InlineData("fapi2-message-signing"), InlineData("mcp")]
    public void A_client_that_says_no_more_than_its_profile_keeps_it(string profile)
    {
        var client = Read(profile, "{}");
        Assert.Empty(ProfileCheck.Client(client.Metadata, ProfileCheck.NoProfile, client.Written));
        Assert.Null(ClientTerms.Of(client.Metadata, ProfileCheck.NoProfile).Requirements.Unmet);
    }

    [Fact]
    public void What_is_as_strict_may_be_written()
    {
        Read("fapi2-security", """{"token_endpoint_auth_method":"self_signed_tls_client_auth","dpop_bound_access_tokens":false}""");
        Read("fapi2-security", """{"token_endpoint_auth_method":"tls_client_auth","tls_client_auth_san_dns":"bank.example.com","dpop_bound_access_tokens":true}""");
        Read("fapi2-security", """{"refresh_token_rotation":"keep","id_token_signed_response_alg":"Ed25519","require_pushed_authorization_requests":true}""");
        Read("fapi2-security", """{"application_type":"native","redirect_uris":["http://127.0.0.1/callback"]}""");
    }

    [Fact, Spec("RFC 8705", "3")]
    public void A_client_that_has_a_certificate_is_bound_to_it()
    {
        var terms = ClientTerms.Of(Read("fapi2-security", """{"token_endpoint_auth_method":"self_signed_tls_client_auth"}""").Metadata, ProfileCheck.NoProfile);
        Assert.True(terms.Metadata.TlsClientCertificateBoundAccessTokens);
        Assert.False(terms.Metadata.DpopBoundAccessTokens);
    }

    [Fact]
    public void An_unknown_profile_is_refused_by_name() =>
        Assert.Contains("fapi2-message-signing", Assert.Throws<AdministrationException>(() => Read("fapi3", "{}")).Message, StringComparison.Ordinal);

    public static TheoryData<string, SecurityProfile> BrokenSettings => new()
    {
        { "authorization_code_lifetime", SecurityProfile.Fapi2Security },
        { "pushed_request_lifetime", SecurityProfile.Fapi2MessageSigning },
        { "dpop_clock_skew", SecurityProfile.Fapi2Security },
        { "client_id_metadata_documents", SecurityProfile.Mcp },
    };

    [Theory, MemberData(nameof(BrokenSettings)), Spec(Security, "5.3.2.1"), Spec(Security, "5.3.2.2")]
    public void Settings_are_judged_too(string setting, SecurityProfile profile)
    {
        var good = new ServerOptions { Issuer = "https://as.example.com", Profile = profile };
        Assert.Empty(ProfileCheck.Settings(good, []));
        var bad = setting switch
        {
            "authorization_code_lifetime" => good with { AuthorizationCodeLifetime = TimeSpan.FromSeconds(61) },
            "pushed_request_lifetime" => good with { PushedRequestLifetime = TimeSpan.FromSeconds(600) },
            "dpop_clock_skew" => good with { DPoPClockSkew = TimeSpan.FromSeconds(61) },
            _ => good with { ClientIdMetadataDocuments = Latchkey.Server.Registration.MetadataDocumentMode.Off },
        };
        var finding = Assert.Single(ProfileCheck.Settings(bad, []));
        Assert.Equal((setting, Severity.Error, SecurityProfiles.NameOf(profile) == "fapi2-message-signing" ? "fapi2-security" : SecurityProfiles.NameOf(profile)), (finding.Setting, finding.Severity, finding.Profile));
        Assert.Empty(ProfileCheck.Settings(bad with { Profile = SecurityProfile.None }, []));
        // One client with the profile is enough, but for what is about strangers.
        Assert.Equal(profile != SecurityProfile.Mcp, ProfileCheck.Settings(bad with { Profile = SecurityProfile.None }, [new ClientMetadata { Profile = SecurityProfiles.NameOf(profile) }]).Any());
    }

    [Fact, Spec(Security, "5.4.1")]
    public void The_algorithm_of_a_resource_is_judged_where_a_client_of_the_profile_can_get_its_tokens()
    {
        var client = new ClientMetadata { ClientId = "bank", Profile = "fapi2-security", Scope = "api:read" };
        var resource = new ResourceMetadata { Resource = "https://api.example.com", AccessTokenSignedResponseAlg = "RS256", Scopes = [new ResourceScope { Scope = "api:read" }] };
        Assert.Equal("access_token_signed_response_alg", Assert.Single(ProfileCheck.Resource(resource, ProfileCheck.NoProfile, [client])).Setting);
        Assert.Empty(ProfileCheck.Resource(resource, ProfileCheck.NoProfile, [client with { Scope = "openid" }]));
        Assert.Empty(ProfileCheck.Resource(resource with { AccessTokenSignedResponseAlg = "ES256" }, ProfileCheck.NoProfile, [client]));
        Assert.Empty(ProfileCheck.Resource(resource with { AccessTokenSignedResponseAlg = null }, ProfileCheck.NoProfile, [client]));
    }

    [Fact]
    public void Every_rule_has_a_name_of_its_own_and_says_how_to_mend_it()
    {
        var rules = ProfileRules.Clients.Concat<ProfileRule>(ProfileRules.Settings).Concat(ProfileRules.Resources).ToList();
        Assert.Equal(rules.Count, rules.Select(rule => rule.Name).Distinct().Count());
        Assert.All(rules, rule => Assert.False(string.IsNullOrWhiteSpace(rule.Mend) || string.IsNullOrWhiteSpace(rule.Section) || rule.Mend.EndsWith('.')));
    }

    private static DeclaredClient Read(string profile, string change)
    {
        var client = new JsonObject
        {
            ["client_id"] = "bank",
            ["redirect_uris"] = new JsonArray("https://bank.example.com/callback"),
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["scope"] = "openid",
            ["token_endpoint_auth_method"] = "private_key_jwt",
            ["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) },
            ["profile"] = profile,
        };
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) client[name] = value?.DeepClone();
        var state = DeclaredStateReader.Read(new JsonObject { ["clients"] = new JsonArray(client) }.ToJsonString(), "test", [], _ => null);
        state.Check();
        return state.Clients[0];
    }
}
