using System.Net.Mime;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using Latchkey.Client;
using Latchkey.Verification.Providers;

namespace Latchkey.Samples.Web;

/// <summary>The pages; whoever asks for JSON gets that.</summary>
internal sealed class Pages(string name, string issuer, string? api)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _style = ReadStyle();

    public Task HomeAsync(HttpContext context, bool signedIn) => PageAsync(context, 200, name, $"""
        <h1>{(signedIn ? "You are signed in" : "Sign in once, use every app")}</h1>
        <p class="lede">This app knows nobody's password. It sends you to <b>{E(new Uri(issuer).Authority)}</b> to sign in, and asks there for no more than it needs.</p>
        {(signedIn
            ? "<p class=\"actions\"><a class=\"button\" href=\"/dashboard\">Go to your dashboard</a></p>"
            : "<p class=\"actions\"><a class=\"button\" href=\"/login\">Sign in</a></p>")}
        """);

    public Task DashboardAsync(HttpContext context, JsonElement user)
    {
        var message = $"Welcome, {Text(user, "name") ?? Text(user, "preferred_username") ?? Text(user, "sub")}";
        if (WantsJson(context)) return JsonAsync(context, 200, new { message, user });
        var claims = string.Concat(user.EnumerateObject().Select(claim => $"<dt>{E(claim.Name)}</dt><dd>{E(claim.Value.ValueKind == JsonValueKind.String ? claim.Value.GetString()! : claim.Value.GetRawText())}</dd>"));
        var call = api is null ? "" : "<a class=\"button\" href=\"/call-api\">Call the API</a>";
        return PageAsync(context, 200, "Dashboard", $"""
            <h1>{E(message)}</h1>
            <p class="lede">This is what the sign-in server told this app about you.</p>
            <dl>{claims}</dl>
            <div class="actions">{call}<form method="post" action="/logout"><button class="button quiet">Sign out</button></form></div>
            """);
    }

    public Task ApiAnswerAsync(HttpContext context, int status, string answer)
    {
        if (WantsJson(context))
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = MediaTypeNames.Application.Json;
            return context.Response.WriteAsync(answer);
        }

        return PageAsync(context, 200, "The API's answer", $"""
            <h1>The API answered {status}</h1>
            <p class="lede"><code>GET {E(api!)}/read</code> with the access token that this app holds for you.</p>
            <pre tabindex="0"><code>{E(Pretty(answer))}</code></pre>
            <p class="actions"><a class="button" href="/dashboard">Back to the dashboard</a></p>
            """);
    }

    public Task ErrorAsync(HttpContext context, Exception exception)
    {
        var (status, error, description) = exception switch
        {
            OAuthException refused => (400, refused.Error, refused.Refusal?.Reason ?? refused.Description ?? refused.Error),
            ProviderException provider => (502, provider.Refusal.Code, provider.Refusal.Reason),
            _ => (502, "unreachable", "The sign-in server or the API does not answer. Try again in a moment."),
        };
        if (WantsJson(context)) return JsonAsync(context, status, new { error, error_description = description });
        return PageAsync(context, status, "That did not work", $"""
            <h1>That did not work</h1>
            <p class="lede">{E(description)}</p>
            <p class="small">Error: <code>{E(error)}</code></p>
            <p class="actions"><a class="button" href="/">Home</a></p>
            """);
    }

    public Task StyleAsync(HttpContext context)
    {
        context.Response.ContentType = "text/css; charset=utf-8";
        context.Response.Headers.CacheControl = "max-age=3600";
        return context.Response.WriteAsync(_style);
    }

    private Task PageAsync(HttpContext context, int status, string title, string body)
    {
        var headers = context.Response.Headers;
        // Chromium holds form-action against where a form's answer redirects to, and signing out goes on to the provider.
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {new Uri(issuer).GetLeftPart(UriPartial.Authority)}; "
            + "frame-ancestors 'none'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{E(title)}</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="/site.css">
            </head>
            <body>
            <header><a class="brand" href="/"><span aria-hidden="true"></span>{E(name)}</a></header>
            <main>
            {body}
            </main>
            <footer>A sample of Latchkey</footer>
            </body>
            </html>
            """);
    }

    private static Task JsonAsync<T>(HttpContext context, int status, T value)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(value);
    }

    private static bool WantsJson(HttpContext context)
    {
        var accept = context.Request.Headers.Accept.ToString();
        return accept.Contains("application/json", StringComparison.OrdinalIgnoreCase) && !accept.Contains("text/html", StringComparison.OrdinalIgnoreCase);
    }

    private static string Pretty(string text)
    {
        try
        {
            return JsonSerializer.Serialize(JsonElement.Parse(text), Indented);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string? Text(JsonElement json, string claim) =>
        json.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string E(string text) => HtmlEncoder.Default.Encode(text);

    private static string ReadStyle()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("site.css")!);
        return reader.ReadToEnd();
    }
}
