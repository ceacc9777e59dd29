using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Testing.Misconduct;

/// <summary>One request on its way through the authority. The server's answer is held back until everybody has had their way with it.</summary>
internal sealed class Exchange(HttpContext context, RequestDelegate next, TimeProvider clock, CancellationToken stopping) : IDisposable
{
    private readonly CancellationTokenSource _ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);

    public HttpRequest Request => context.Request;

    public HttpResponse Response => context.Response;

    /// <summary>Set once the caller has gone or the authority stops.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>The body of the answer; null while there is none, or when it has gone out already.</summary>
    public byte[]? Body { get; private set; }

    public bool IsCut { get; private set; }

    /// <summary>Lets the server answer.</summary>
    public async Task ContinueAsync()
    {
        var body = Response.Body;
        using var memory = new MemoryStream();
        Response.Body = memory;
        try
        {
            await next(context).ConfigureAwait(false);
            await Response.BodyWriter.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            Response.Body = body;
        }

        Body = memory.ToArray();
    }

    /// <summary>Answers in the server's place.</summary>
    public Task AnswerAsync(int status, string? type, string body)
    {
        Response.StatusCode = status;
        Response.ContentType = type;
        Body = Encoding.UTF8.GetBytes(body);
        Response.ContentLength = Body.Length;
        return Task.CompletedTask;
    }

    /// <summary>Sends a piece of an answer at once.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> piece)
    {
        try
        {
            await Response.Body.WriteAsync(piece, Ended).ConfigureAwait(false);
            await Response.Body.FlushAsync(Ended).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            await CutAsync().ConfigureAwait(false);
            await _ended.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Waits by the authority's clock; cuts the connection if the caller goes first.</summary>
    public async Task DelayAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, clock, Ended).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await CutAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends the connection without an answer.</summary>
    public Task CutAsync()
    {
        (IsCut, Body) = (true, null);
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>The answer as a JSON object; null if it is none.</summary>
    public JsonObject? Json()
    {
        if (Body is not { Length: > 1 } || Response.ContentType?.Contains("json", StringComparison.OrdinalIgnoreCase) != true) return null;
        try
        {
            return JsonNode.Parse(Body) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Changes a JSON answer of status 200.</summary>
    public void ChangeJson(Action<JsonObject> change)
    {
        if (Response.StatusCode != 200 || Json() is not { } json) return;
        change(json);
        SetBody(json.ToJsonString());
    }

    public void SetBody(string body)
    {
        Body = Encoding.UTF8.GetBytes(body);
        Response.ContentLength = Body.Length;
        Response.Headers.ETag = default;
    }

    /// <summary>Sends what is held back.</summary>
    public async Task SendAsync()
    {
        if (Body is not { Length: > 0 } || HttpMethods.IsHead(Request.Method)) return;
        try
        {
            await Response.Body.WriteAsync(Body, Ended).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            await CutAsync().ConfigureAwait(false);
        }
    }

    public void Dispose() => _ended.Dispose();
}
