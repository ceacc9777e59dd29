using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Tests.Authorize;

namespace Latchkey.Server.Tests.AuthorizationDetails;

/// <summary>Rich authorization requests, RFC 9396: what is asked for in detail is shown, agreed to, kept and said in tokens, and never widened.</summary>
public sealed class AuthorizationDetailsTests(AuthorizationDetailsTests.Bank server) : IClassFixture<AuthorizationDetailsTests.Bank>
{
    private const string Payment = """{"type":"payment","creditor":"Green Grocer","amount":{"currency":"EUR","value":"12.50"}}""";
    private const string Accounts = """{"type":"accounts","actions":["list","read"]}""";

    [Fact, Spec("RFC 9396", "2"), Spec("RFC 9396", "3"), Spec("RFC 9396", "7"), Spec("RFC 9396", "9.1"), Spec("RFC 9396", "9.2")]
    public async Task What_is_asked_for_is_shown_kept_and_said()
    {
        using var shop = server.Client(Bank.Shop);
        // Another test may have said yes to the same before.
        var request = shop.Request("openid", ("prompt", "consent"), ("authorization_details", $"[{Payment},{Accounts}]"));
        using var browser = server.Server.Browser();
        var page = await browser.SignInAsync(await browser.GetAsync(request.Url));
        page.ExpectConsent();
        var words = page.Document!.Body!.TextContent;
        foreach (var word in new[] { "Pay somebody", "Green Grocer", "Payee", "Amount: Currency", "EUR", "12.50", "Example bank", "list, read" }) Assert.Contains(word, words, StringComparison.Ordinal);

        var tokens = (await shop.RedeemAsync(request, (await browser.FinishAsync(page)).ExpectCode(request))).Expect(HttpStatusCode.OK);
        Same($"[{Payment},{Accounts}]", tokens.Json.GetProperty("authorization_details"));
        var claims = Jwt.Claims(tokens["access_token"]!);
        Same($"[{Payment},{Accounts}]", claims.GetProperty("authorization_details"));
        Assert.Equal("https://bank.example.com", claims.GetProperty("aud").GetString());
        Same($"[{Payment},{Accounts}]", (await shop.IntrospectAsync(tokens["access_token"]!)).Json.GetProperty("authorization_details"));
        Same($"[{Payment},{Accounts}]", (await shop.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK).Json.GetProperty("authorization_details"));
    }

    [Fact, Spec("RFC 9396", "3"), Spec("RFC 9396", "5")]
    public async Task Details_need_no_scope_and_can_be_pushed()
    {
        using var shop = server.Client(Bank.Shop);
        var request = shop.Request("openid", ("scope", null), ("authorization_details", $"[{Payment}]"));
        var pushed = (await shop.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)))).Expect(HttpStatusCode.Created);
        using var browser = server.Server.Browser();
        var stop = await browser.AuthorizeAsync($"{server.Issuer}/authorize?client_id=shop&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
        var tokens = (await shop.RedeemAsync(request, stop.ExpectCode(request))).Expect(HttpStatusCode.OK);
        Same($"[{Payment}]", tokens.Json.GetProperty("authorization_details"));
        Assert.Null(tokens["id_token"]);
    }

    public static TheoryData<string, string> Bad => new()
    {
        { "no JSON", "{" }, { "no list", "{}" }, { "an empty list", "[]" }, { "no object", "[1]" }, { "no type", """[{"creditor":"x"}]""" }, { "a type that is no string", """[{"type":7}]""" },
        { "an unknown type", """[{"type":"unknown"}]""" }, { "a type that the client is not registered for", """[{"type":"secret"}]""" },
        { "a member twice", """[{"type":"payment","type":"payment"}]""" }, { "a member missing", """[{"type":"payment","creditor":"x"}]""" },
        { "a member too many", $"[{Payment.Replace("\"creditor\"", "\"extra\":1,\"creditor\"", StringComparison.Ordinal)}]" },
        { "a wrong type of value", $"[{Payment.Replace("\"Green Grocer\"", "7", StringComparison.Ordinal)}]" },
        { "a value not in the list", $"[{Payment.Replace("EUR", "XXX", StringComparison.Ordinal)}]" }, { "a value too long", $"[{Payment.Replace("Green Grocer", new string('a', 71), StringComparison.Ordinal)}]" },
        { "another place", """[{"type":"accounts","locations":["https://api.example.com"]}]""" }, { "half a character", "[{\"type\":\"accounts\",\"actions\":[\"\\ud800\"]}]" },
        { "a control character", "[{\"type\":\"accounts\",\"actions\":[\"a\\u0000\"]}]" }, { "eleven", $"[{string.Join(',', Enumerable.Repeat(Accounts, 11))}]" },
        { "a thousand", $"[{string.Join(',', Enumerable.Repeat("{}", 1000))}]" },
        { "nested without end", string.Concat(Enumerable.Repeat("[", 2000)) + new string(']', 2000) },
        { "a member nested without end", $"[{Payment.Replace("\"Green Grocer\"", new string('[', 500) + new string(']', 500), StringComparison.Ordinal)}]" },
        { "far too long", $"[{Payment.Replace("Green Grocer", new string('a', 5000), StringComparison.Ordinal)}]" },
    };

    [Theory, MemberData(nameof(Bad)), Spec("RFC 9396", "5"), Spec("RFC 9396", "14")]
    public async Task What_is_not_right_is_refused(string what, string details)
    {
        using var shop = server.Client(Bank.Shop);
        var request = shop.Request("openid", ("authorization_details", details));
        (await server.Alice.GetAsync(request.Url)).ExpectError(request, "invalid_authorization_details");
        Assert.NotEmpty(what);
    }

    [Fact, Spec("RFC 9396", "6"), Spec("RFC 9396", "6.1")]
    public async Task A_token_can_be_asked_for_with_less_and_never_with_more()
    {
        using var shop = server.Client(Bank.Shop);
        var (request, code) = await server.CodeAsync(shop, "openid offline_access", ("authorization_details", $"[{Payment},{Accounts}]"));
        foreach (var more in new[] { """[{"type":"accounts","actions":["list","read","delete"]}]""", $"[{Payment.Replace("12.50", "1250.00", StringComparison.Ordinal)}]", """[{"type":"accounts"}]""" })
            (await shop.RedeemAsync(request, code, ("authorization_details", more))).ExpectError("invalid_authorization_details");
        var tokens = (await shop.RedeemAsync(request, code, ("authorization_details", $"[{Payment}]"))).Expect(HttpStatusCode.OK);
        Same($"[{Payment}]", tokens.Json.GetProperty("authorization_details"));
        var less = """[{"type":"accounts","actions":["list"]}]""";
        var refreshed = (await shop.RefreshAsync(tokens["refresh_token"]!, ("authorization_details", less))).Expect(HttpStatusCode.OK);
        Same(less, Jwt.Claims(refreshed["access_token"]!).GetProperty("authorization_details"));
        // The grant stays whole.
        Same($"[{Payment},{Accounts}]", (await shop.RefreshAsync(refreshed["refresh_token"]!)).Expect(HttpStatusCode.OK).Json.GetProperty("authorization_details"));
        using var machine = server.Client(DeclaredStates.Machine);
        (await machine.ClientCredentialsAsync("api:read", ("authorization_details", $"[{Payment}]"))).ExpectError("invalid_authorization_details");
    }

    [Fact, Spec("RFC 9396", "11.1"), Spec("OIDC Core", "3.1.2.4")]
    public async Task Only_the_very_same_details_are_agreed_to_already()
    {
        using var shop = server.Client(Bank.Remembered);
        using var browser = server.Server.Browser();
        var first = shop.Request("openid", ("authorization_details", $"[{Payment}]"));
        (await browser.AuthorizeAsync(first.Url)).ExpectCode(first);
        var again = shop.Request("openid", ("authorization_details", $"[{Payment}]"));
        (await browser.GetAsync(again.Url)).ExpectCode(again);
        var plain = shop.Request("openid");
        (await browser.GetAsync(plain.Url)).ExpectCode(plain);
        var other = shop.Request("openid", ("authorization_details", $"[{Payment.Replace("12.50", "12.51", StringComparison.Ordinal)}]"));
        (await browser.GetAsync(other.Url)).ExpectConsent();
        var silent = shop.Request("openid", ("prompt", "none"), ("authorization_details", $"[{Payment.Replace("Green", "Red", StringComparison.Ordinal)}]"));
        (await browser.GetAsync(silent.Url)).ExpectError(silent, "consent_required");
    }

    [Fact, Spec("RFC 9396", "10")]
    public async Task The_metadata_lists_the_types()
    {
        using var shop = server.Client(Bank.Shop);
        var types = (await shop.GetAsync("/.well-known/oauth-authorization-server")).Json.GetProperty("authorization_details_types_supported").EnumerateArray().Select(type => type.GetString());
        Assert.Equal(["accounts", "payment", "secret"], types.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","pattern":"^x"}}}""", "pattern")]
    [InlineData("""{"$ref":"#/x"}""", "$ref")]
    [InlineData("""{"anyOf":[]}""", "anyOf")]
    [InlineData("""{"type":"thing"}""", "type")]
    [InlineData("""{"type":["string","null"]}""", "type")]
    [InlineData("""{"properties":{}}""", "no type")]
    [InlineData("""{"type":"array","items":{"format":"uri","type":"string"}}""", "format")]
    [InlineData("""{"type":"string","maxLength":-1}""", "maxLength")]
    [InlineData("""{"type":"object","required":"a"}""", "required")]
    [InlineData("true", "not a JSON object")]
    public void A_schema_that_asks_for_more_than_is_checked_is_refused_by_name(string schema, string named) =>
        Assert.Contains(named, DetailsSchema.Fault(JsonElement.Parse(schema)), StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"type":"integer","minimum":1,"maximum":5}""", "5", true)]
    [InlineData("""{"type":"integer","minimum":1,"maximum":5}""", "6", false)]
    [InlineData("""{"type":"integer"}""", "5.0", true)]
    [InlineData("""{"type":"integer"}""", "5.5", false)]
    [InlineData("""{"type":"number"}""", "1e400", false)]
    [InlineData("""{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2}""", "[\"a\",\"b\"]", true)]
    [InlineData("""{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2}""", "[]", false)]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", "[1]", false)]
    [InlineData("""{"const":"a"}""", "\"a\"", true)]
    [InlineData("""{"enum":[1e400]}""", "1e400", false)]
    [InlineData("""{"enum":["a",1,true]}""", "true", true)]
    [InlineData("""{"enum":["a",1,true]}""", "false", false)]
    [InlineData("""{"type":"object","additionalProperties":true}""", """{"a":1}""", true)]
    [InlineData("""{"type":"object"}""", """{"a":1}""", false)]
    public void A_value_is_held_to_its_schema(string schema, string value, bool right)
    {
        var parsed = JsonElement.Parse(schema);
        Assert.Null(DetailsSchema.Fault(parsed));
        Assert.Equal(right, DetailsSchema.Check(parsed, JsonElement.Parse(value), "it") is null);
    }

    [Fact]
    public async Task A_schema_with_another_keyword_is_refused_at_apply_with_its_name()
    {
        var state = DeclaredStates.Standard();
        state.Resource(DeclaredStates.Api)["authorization_details_types"] = new JsonArray(new JsonObject
        {
            ["type"] = "payment", ["schema"] = new JsonObject { ["type"] = "object", ["oneOf"] = new JsonArray() },
        });
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("state.json"), state.ToJsonString(), TestContext.Current.CancellationToken);
        var result = await LatchkeyProcess.RunAsync("apply", folder.File("state.json"), "--data", folder.File("data"));
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("oneOf", result.Errors, StringComparison.Ordinal);
    }

    private static void Same(string expected, JsonElement actual) => Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), actual), $"Expected {expected}, got {actual}");

    /// <summary>A server with a bank's API.</summary>
    public sealed class Bank : ClockedServer
    {
        public static readonly TestClient Shop = new("shop", "shop-secret-0123456789", TestClient.Basic, "https://shop.example.com/callback");

        public static readonly TestClient Remembered = new("remembered", "remembered-secret-0123456789", TestClient.Basic, "https://remembered.example.com/callback");

        protected override JsonObject State()
        {
            var state = DeclaredStates.Standard();
            state["resources"]!.AsArray().Add(new JsonObject
            {
                ["resource"] = "https://bank.example.com",
                ["name"] = "Example bank",
                ["authorization_details_types"] = new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "payment",
                        ["description"] = "Pay somebody",
                        ["schema"] = JsonNode.Parse("""
                            {"type":"object","required":["creditor","amount"],"properties":{
                              "creditor":{"type":"string","title":"Payee","maxLength":70},
                              "amount":{"type":"object","required":["currency","value"],"properties":{"currency":{"enum":["EUR","GBP"]},"value":{"type":"string","maxLength":20}}}}}
                            """),
                    },
                    new JsonObject { ["type"] = "accounts", ["description"] = "See your accounts" },
                    new JsonObject { ["type"] = "secret" }),
            });
            foreach (var client in new[] { Shop, Remembered }) state.Add(client, declared => declared["authorization_details_types"] = new JsonArray("payment", "accounts"));
            return state;
        }
    }
}
