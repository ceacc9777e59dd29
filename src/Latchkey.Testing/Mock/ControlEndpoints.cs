using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Testing.Requests;
using Latchkey.Testing.Tokens;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Testing.Mock;

/// <summary>What a test in another language tells the authority: JSON in, JSON out, below <c>/_mock</c>.</summary>
internal sealed class ControlEndpoints(TestAuthority authority)
{
    private const string Root = "/_mock";

    public static bool IsFor(HttpRequest request) => request.Path.StartsWithSegments(Root, StringComparison.Ordinal);

    public async Task HandleAsync(HttpContext context)
    {
        var (status, answer) = (200, new JsonObject());
        try
        {
            var body = HttpMethods.IsPost(context.Request.Method) ? await BodyAsync(context.Request).ConfigureAwait(false) : [];
            answer = await AnswerAsync($"{context.Request.Method} {context.Request.Path.Value![Root.Length..]}", body).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ArgumentException or JsonException or FormatException or InvalidOperationException or AuthorityAssertionException)
        {
            (status, answer) = (400, new JsonObject { ["error"] = "invalid_request", ["error_description"] = exception.Message });
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(TokenSigner.Text(answer)), context.RequestAborted).ConfigureAwait(false);
    }

    private async Task<JsonObject> AnswerAsync(string request, JsonObject body)
    {
        switch (request)
        {
            case "GET /":
            case "GET ":
                return new JsonObject { ["issuer"] = authority.Issuer, ["time"] = authority.Time.GetUtcNow().ToUnixTimeSeconds() };
            case "POST /token":
                return new JsonObject { ["token"] = TokenOrders.Make(authority, body) };
            case "GET /clock":
                return Time();
            case "POST /clock":
                authority.Advance(TimeSpan.FromSeconds((double?)body["advance_seconds"] ?? throw Missing("advance_seconds")));
                return Time();
            case "GET /requests":
                return new JsonObject { ["requests"] = new JsonArray([.. authority.Requests.Select(Describe)]) };
            case "DELETE /requests":
                authority.Requests.Clear();
                return [];
            case "POST /faults":
                authority.Faults.Next((string?)body["path"] ?? "/token", FaultOrders.Read(body), (int?)body["times"] ?? 1);
                return [];
            case "DELETE /faults":
                authority.Faults.Clear();
                return [];
            case "POST /keys/rotate":
                await authority.RotateKeysAsync().ConfigureAwait(false);
                return [];
            case "POST /revoke":
                await authority.RevokeEverythingAsync().ConfigureAwait(false);
                return [];
            case "POST /device":
                var (code, user) = ((string?)body["user_code"] ?? throw Missing("user_code"), (string?)body["user"] ?? "alice");
                await ((string?)body["decision"] == "deny" ? authority.DenyDeviceAsync(code, user) : authority.ApproveDeviceAsync(code, user)).ConfigureAwait(false);
                return [];
            default:
                throw new ArgumentException("There is no such request here; there are GET /_mock, POST /_mock/token, GET and POST /_mock/clock, GET and DELETE /_mock/requests, POST and DELETE /_mock/faults, POST /_mock/keys/rotate, POST /_mock/revoke and POST /_mock/device.");
        }
    }

    private static ArgumentException Missing(string member) => new($"The member \"{member}\" is missing.");

    private static async Task<JsonObject> BodyAsync(HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        var text = await reader.ReadToEndAsync(request.HttpContext.RequestAborted).ConfigureAwait(false);
        return text.Length == 0 ? [] : JsonNode.Parse(text) as JsonObject ?? throw new FormatException("The body is no JSON object.");
    }

    private JsonObject Time() => new() { ["time"] = authority.Time.GetUtcNow().ToUnixTimeSeconds() };

    private static JsonObject Describe(RecordedRequest request) => new()
    {
        ["at"] = request.At.ToUnixTimeSeconds(),
        ["method"] = request.Method,
        ["path"] = request.Path,
        ["query"] = Members(request.Query),
        ["form"] = Members(request.Form),
        ["headers"] = Members(request.Headers),
        ["client_id"] = request.ClientId,
        ["client_authentication"] = request.ClientAuthentication,
        ["status"] = request.Status,
        ["error"] = request.Error,
        ["fault"] = request.Fault,
    };

    private static JsonObject Members(IReadOnlyDictionary<string, string> values)
    {
        var members = new JsonObject();
        foreach (var (name, value) in values) members[name] = value;
        return members;
    }
}
