using Latchkey.Server.Admin;

namespace Latchkey.Server.Tests.Admin;

/// <summary>What a declared state may look like, and what is said where it may not.</summary>
public sealed class DeclaredStateReaderTests
{
    public static TheoryData<string, string[]> Refused => new()
    {
        // an unknown key at every level
        { """{ "clents": [] }""", ["\"clents\"", "did you mean \"clients\"?"] },
        { """{ "settings": { "trusted_proxy": "x" } }""", ["settings.trusted_proxy", "\"trusted_proxies\"?"] },
        { """{ "clients": [{ "client_id": "a", "grant_type": [] }] }""", ["clients[0].grant_type", "\"grant_types\"?"] },
        { """{ "clients": [{ "client_id": "a", "xyzzy": 1 }] }""", ["clients[0].xyzzy", "take it out or mend its name"] },
        { """{ "resources": [{ "resource": "https://a.example", "scope": [] }] }""", ["resources[0].scope", "\"scopes\"?"] },
        { """{ "resources": [{ "resource": "https://a.example", "scopes": [{ "scope": "a", "text": "b" }] }] }""", ["resources[0].scopes", "\"text\"", "description"] },
        { """{ "users": [{ "username": "a" }, { "username": "b", "e-mail": "c" }] }""", ["users[1].e-mail", "\"email\"?"] },
        { """{ "users": [{ "username": "a", "address": { "town": "b" } }] }""", ["users[0].address", "\"town\"", "locality"] },
        // types
        { """{ "clients": {} }""", ["clients is not a list"] },
        { """{ "clients": ["web"] }""", ["clients[0] is not a JSON object"] },
        { """{ "settings": { "issuer": {} } }""", ["settings.issuer"] },
        { """{ "users": [{ "username": 7 }] }""", ["users[0].username is not a string"] },
        { """{ "users": [{ "username": "a", "password": 7 }] }""", ["users[0].password is not a string"] },
        { """{ "users": [{ "username": "a", "email_verified": "true" }] }""", ["users[0].email_verified is not true or false"] },
        { """{ "users": [{ "username": "a", "email": true }] }""", ["users[0].email is not a string"] },
        { """{ "users": [{ "username": "a", "address": "Main Street" }] }""", ["users[0].address is not an object"] },
        { """{ "users": [{ "password": "a" }] }""", ["users[0] has no username"] },
        { """{ "users": [{ "username": " " }] }""", ["users[0] has no username"] },
        { """{ "clients": [{ "client_id": "a", "client_secret": 7 }] }""", ["clients[0].client_secret is not a string"] },
        // twice
        { """{ "users": [{ "username": "alice" }, { "username": "ALICE" }] }""", ["users[1]", "users[0]", "once"] },
        { """{ "users": [{ "username": "a", "sub": "1" }, { "username": "b", "sub": "1" }] }""", ["users[1]", "sub", "users[0]"] },
        { """{ "clients": [{ "client_id": "a", "grant_types": [] }, { "client_id": "a", "grant_types": [] }] }""", ["clients[1]", "client_id", "clients[0]"] },
        { """{ "resources": [{ "resource": "https://a.example" }, { "resource": "https://a.example" }] }""", ["resources[1]", "resources[0]"] },
        { """{ "users": [], "users": [] }""", ["users"] },
        // sub
        { """{ "users": [{ "username": "alice", "sub": "Alice" }] }""", ["users[0]", "equals the username"] },
        { """{ "users": [{ "username": "alice", "sub": "a b" }] }""", ["users[0]", "255"] },
        { """{ "users": [{ "username": "alice", "sub": "" }] }""", ["users[0]", "255"] },
        // the environment
        { """{ "clients": [{ "client_id": "${ABSENT}" }] }""", ["clients[0].client_id", "ABSENT", "not set"] },
        { """{ "clients": [{ "client_id": "a", "redirect_uris": ["${ABSENT}"] }] }""", ["clients[0].redirect_uris[0]", "ABSENT"] },
        { """{ "users": [{ "username": "a", "address": { "country": "${ABSENT}" } }] }""", ["users[0].address.country", "ABSENT"] },
        { """{ "users": [{ "username": "${PRESENT" }] }""", ["users[0].username", "closing brace"] },
        // resources
        { """{ "resources": [{ "resource": "a" }] }""", ["resources[0]", "absolute URI"] },
        { """{ "resources": [{ "resource": "https://a.example#f" }] }""", ["resources[0]", "fragment"] },
        { """{ "resources": [{ "resource": "https://a.example", "scopes": ["openid"] }] }""", ["openid", "OpenID Connect"] },
        { """{ "resources": [{ "resource": "https://a.example", "scopes": ["a", "a"] }] }""", ["a is there twice"] },
        { """{ "resources": [{ "resource": "https://a.example", "scopes": ["a b"] }] }""", ["a b"] },
        { """{ "resources": [{ "resource": "https://a.example", "access_token_lifetime": 7200 }] }""", ["allow_long_lived_access_tokens"] },
        { """{ "resources": [{ "resource": "https://a.example", "access_token_claims": ["shoe_size"] }] }""", ["shoe_size"] },
        { """{ "resources": [{ "resource": "https://a.example", "access_token_signed_response_alg": "HS256" }] }""", ["HS256", "RS256"] },
    };

    [Theory, MemberData(nameof(Refused))]
    public void A_mistake_is_named_with_its_place(string json, string[] said)
    {
        var message = Assert.Throws<AdministrationException>(() => Read(json)).Message;
        foreach (var part in said) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Matches("[.?]$", message);
        Assert.DoesNotContain("System.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Comments_trailing_commas_and_a_schema_are_welcome()
    {
        var state = Read("""
            {
              // who may sign in
              "$schema": "https://example.com/latchkey.schema.json",
              "users": [ { "username": "alice", /* no password */ "name": "Alice", "locale": null, }, ],
            }
            """);
        var user = Assert.Single(state.Users);
        Assert.Equal("alice", user.Username);
        Assert.Equal(["name"], user.Claims.Keys);
    }

    [Fact]
    public void Environment_variables_are_filled_in_at_every_depth_and_their_values_are_taken_as_they_are()
    {
        var state = Read("""
            {
              "settings": { "issuer": "https://${PRESENT}" },
              "clients": [{ "client_id": "a-${PRESENT}-b", "client_secret": "${SECRET}", "redirect_uris": ["https://${PRESENT}/${PRESENT}"] }],
              "users": [{ "username": "a", "password": "${SECRET}", "address": { "country": "${PRESENT}" } }]
            }
            """);
        Assert.Equal("https://present", state.Settings["issuer"].Value);
        Assert.Equal(("a-present-b", "$ecret \"with\" ${PRESENT} 1"), (state.Clients[0].Metadata.ClientId, state.Clients[0].Secret));
        Assert.Equal(["https://present/present"], state.Clients[0].Metadata.RedirectUris);
        Assert.Equal("$ecret \"with\" ${PRESENT} 1", state.Users[0].Password);
        Assert.Equal("present", state.Users[0].Claims["address"].GetProperty("country").GetString());
    }

    [Fact]
    public void The_example_of_the_interface_is_taken()
    {
        var state = Read("""
            {
              "settings": { "registration": "off", "client_id_metadata_documents": "on" },
              "clients": [{
                "client_id": "web", "client_secret": "web-secret-0123456789abcdef", "client_name": "Demo web app", "logo_uri": "https://app.example.com/logo.png",
                "application_type": "web",
                "redirect_uris": ["http://127.0.0.1:3000/callback"], "post_logout_redirect_uris": ["http://127.0.0.1:3000/"],
                "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
                "scope": "openid profile email offline_access api:read",
                "token_endpoint_auth_method": "client_secret_basic",
                "jwks": { "keys": [] }, "dpop_bound_access_tokens": false, "require_pushed_authorization_requests": false,
                "backchannel_logout_uri": "https://app.example.com/logout", "skip_consent": false,
                "refresh_token_rotation": "rotate"
              }],
              "resources": [{ "resource": "https://api.example.com", "name": "Example API",
                "scopes": [{ "scope": "api:read", "description": "Read your data" }, "api:write"],
                "access_token_lifetime": 900, "access_token_signed_response_alg": "RS256", "access_token_claims": ["email"],
                "clients": ["api-server"] }],
              "users": [{ "username": "alice", "password": "correct horse battery staple", "email": "alice@example.com", "email_verified": true, "name": "Alice Example" }]
            }
            """);
        Assert.Equal((1, 1, 1, 2), (state.Clients.Count, state.Resources.Count, state.Users.Count, state.Settings.Count));
    }

    [Fact]
    public void What_is_declared_never_shows_its_secrets()
    {
        var state = Read("""{ "clients": [{ "client_id": "a", "grant_types": [], "client_secret": "0123456789abcdef" }], "users": [{ "username": "b", "password": "hush hush" }] }""");
        Assert.DoesNotContain("0123456789abcdef", state.Clients[0].ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hush", state.Users[0].ToString(), StringComparison.Ordinal);
    }

    private static DeclaredState Read(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("latchkey.json"), json);
        return DeclaredStateReader.ReadFiles(
            [folder.File("latchkey.json")],
            ["issuer", "trusted_proxies", "registration", "client_id_metadata_documents"],
            name => name switch { "PRESENT" => "present", "SECRET" => "$ecret \"with\" ${PRESENT} 1", _ => null });
    }
}
