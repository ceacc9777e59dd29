using System.Net.Mime;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Latchkey.Samples.Web;

/// <summary>The pages; whoever asks for JSON gets that.</summary>
internal sealed class Pages(App app)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _style = ReadStyle();

    public Task HomeAsync(HttpContext context, bool signedIn) => PageAsync(context, 200, "Demo web app", $"""
        <h1>{(signedIn ? "You are signed in" : "Sign in once, use every app")}</h1>
        <p class="lede">This app knows nobody's password. It sends you to <b>{E(new Uri(app.Issuer).Authority)}</b> to sign in, and asks there for no more than it needs.</p>
        {(signedIn
            ? "<p class=\"actions\"><a class=\"button\" href=\"/dashboard\">Go to your dashboard</a></p>"
            : "<p class=\"actions\"><a class=\"button\" href=\"/login\">Sign in</a></p>")}
        """);

    public Task DashboardAsync(HttpContext context, JsonElement user)
    {
        var name = user.Text("name") ?? user.Text("preferred_username") ?? user.Text("sub");
        var message = $"Welcome, {name}";
        if (WantsJson(context)) return JsonAsync(context, 200, new { message, user });
        var claims = string.Concat(user.EnumerateObject().Select(claim => $"<dt>{E(claim.Name)}</dt><dd>{E(claim.Value.ValueKind == JsonValueKind.String ? claim.Value.GetString()! : claim.Value.GetRawText())}</dd>"));
        var api = app.Api is null ? "" : "<a class=\"button\" href=\"/call-api\">Call the API</a>";
        return PageAsync(context, 200, "Dashboard", $"""
            <h1>{E(message)}</h1>
            <p class="lede">This is what the sign-in server told this app about you.</p>
            <dl>{claims}</dl>
            <div class="actions">{api}<form method="post" action="/logout"><button class="button quiet">Sign out</button></form></div>
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
            <p class="lede"><code>GET {E(app.Api!)}/read</code> with the access token that this app holds for you.</p>
            <pre tabindex="0"><code>{E(Pretty(answer))}</code></pre>
            <p class="actions"><a class="button" href="/dashboard">Back to the dashboard</a></p>
            """);
    }

    public Task LogoutAsync(HttpContext context) => PageAsync(context, 200, "Sign out", """
        <h1>Do you want to sign out?</h1>
        <p class="lede">Another site sent you here.</p>
        <div class="actions"><form method="post" action="/logout"><button class="button">Sign out</button></form><a class="button quiet" href="/">Stay</a></div>
        """);

    public Task ErrorAsync(HttpContext context, int status, string error, string? description)
    {
        // OpenID Connect Back-Channel Logout section 2.8 knows one code.
        if (context.Request.Path == "/backchannel-logout") error = "invalid_request";
        if (WantsJson(context) || context.Request.Path == "/backchannel-logout") return JsonAsync(context, status, new { error, error_description = description });
        var denied = error == "access_denied";
        return PageAsync(context, status, "Sign-in did not work", $"""
            <h1>{(denied ? "You did not agree" : "That did not work")}</h1>
            <p class="lede">{(denied ? "So this app got nothing. You can sign in again at any time." : E(description ?? error))}</p>
            <p class="small">Error: <code>{E(error)}</code></p>
            <p class="actions"><a class="button" href="/login">Sign in again</a><a class="button quiet" href="/">Home</a></p>
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
            $"default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {new Uri(app.Issuer).GetLeftPart(UriPartial.Authority)}; "
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
            <header><a class="brand" href="/"><span aria-hidden="true"></span>Demo web app</a></header>
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

    private static string E(string text) => HtmlEncoder.Default.Encode(text);

    private static string ReadStyle()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("site.css")!);
        return reader.ReadToEnd();
    }
}
