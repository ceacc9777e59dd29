using System.Buffers;
using Latchkey.Protocol;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Hosting;

/// <summary>Reads the parameters of a request: the form of a POST, the query of a GET.</summary>
internal static class RequestForm
{
    /// <summary>The largest body that any endpoint takes.</summary>
    public const int MaximumSize = 64 * 1024;

    private const string FormType = "application/x-www-form-urlencoded";

    /// <summary>Reads a form body.</summary>
    /// <returns>
    /// The parameters, or <c>invalid_request</c> for another content type, a body over 64 KiB, bad encoding, or a parameter that was sent twice.
    /// </returns>
    public static async ValueTask<Result<Parameters>> ReadAsync(HttpContext context)
    {
        if ((await ReadLenientAsync(context).ConfigureAwait(false)).Refused(out var error, out var parameters)) return error;
        return parameters.Error is { } fault ? fault : parameters;
    }

    /// <summary>
    /// Reads a form body and leaves it to the caller to judge <see cref="Parameters.Error"/>: the authorization endpoint must know
    /// the client before it knows where an error goes.
    /// </summary>
    public static async ValueTask<Result<Parameters>> ReadLenientAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentType is not { } type || !IsForm(type))
            return OAuthError.InvalidRequest($"Send the parameters as a form in the body, with Content-Type: {FormType}.");
        if (request.ContentLength > MaximumSize) return TooLarge;

        var buffer = ArrayPool<byte>.Shared.Rent((int)(request.ContentLength ?? 4096) + 1);
        var length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                {
                    if (length > MaximumSize) return TooLarge;
                    var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
                    buffer = larger;
                }

                var read = await ReadBodyAsync(context, buffer.AsMemory(length)).ConfigureAwait(false);
                if (read == 0) break;
                length += read;
                if (length > MaximumSize) return TooLarge;
            }

            return Parameters.Parse(buffer.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>Reads the query.</summary>
    public static Parameters ReadQuery(HttpContext context) => Parameters.Parse(context.Request.QueryString.Value);

    /// <summary>Whether the body is said to be a form.</summary>
    public static bool IsForm(HttpContext context) => context.Request.ContentType is { } type && IsForm(type);

    private static async ValueTask<int> ReadBodyAsync(HttpContext context, Memory<byte> buffer)
    {
        try
        {
            return await context.Request.Body.ReadAsync(buffer, context.RequestAborted).ConfigureAwait(false);
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            // Kestrel has no better exception for a chunk whose size overflows; it is the caller's fault all the same.
            throw new BadHttpRequestException("The body is malformed or broke off.", exception);
        }
    }

    private static OAuthError TooLarge => new("invalid_request", "The body is larger than 64 KiB.", 413);

    private static bool IsForm(string contentType)
    {
        var semicolon = contentType.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? contentType : contentType[..semicolon]).Trim().Equals(FormType, StringComparison.OrdinalIgnoreCase);
    }
}
