// Generated from proto/ by `npm run generate`. Not to be edited.
import * as $protobuf from "protobufjs";
import Long = require("long");

/** Namespace envoy. */
export namespace envoy {

    /** Namespace service. */
    namespace service {

        /** Namespace auth. */
        namespace auth {

            /** Namespace v3. */
            namespace v3 {

                /**
                 * Properties of a CheckRequest.
                 * @deprecated Use envoy.service.auth.v3.CheckRequest.$Properties instead.
                 */
                interface ICheckRequest extends envoy.service.auth.v3.CheckRequest.$Properties {
                }

                /** Represents a CheckRequest. */
                class CheckRequest {

                    /**
                     * Constructs a new CheckRequest.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.CheckRequest.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** CheckRequest attributes. */
                    attributes?: (envoy.service.auth.v3.AttributeContext.$Properties|null);

                    /**
                     * Encodes the specified CheckRequest message. Does not implicitly {@link envoy.service.auth.v3.CheckRequest.verify|verify} messages.
                     * @param message CheckRequest message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.CheckRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a CheckRequest message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.CheckRequest & envoy.service.auth.v3.CheckRequest.$Shape} CheckRequest
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.CheckRequest & envoy.service.auth.v3.CheckRequest.$Shape;

                    /**
                     * Gets the type url for CheckRequest
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace CheckRequest {

                    /** Properties of a CheckRequest. */
                    interface $Properties {

                        /** CheckRequest attributes */
                        attributes?: (envoy.service.auth.v3.AttributeContext.$Properties|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a CheckRequest. */
                    type $Shape = envoy.service.auth.v3.CheckRequest.$Properties;
                }

                /**
                 * Properties of an AttributeContext.
                 * @deprecated Use envoy.service.auth.v3.AttributeContext.$Properties instead.
                 */
                interface IAttributeContext extends envoy.service.auth.v3.AttributeContext.$Properties {
                }

                /** Represents an AttributeContext. */
                class AttributeContext {

                    /**
                     * Constructs a new AttributeContext.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.AttributeContext.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** AttributeContext source. */
                    source?: (envoy.service.auth.v3.AttributeContext.Peer.$Properties|null);

                    /** AttributeContext request. */
                    request?: (envoy.service.auth.v3.AttributeContext.Request.$Properties|null);

                    /** AttributeContext contextExtensions. */
                    contextExtensions: { [k: string]: string };

                    /**
                     * Encodes the specified AttributeContext message. Does not implicitly {@link envoy.service.auth.v3.AttributeContext.verify|verify} messages.
                     * @param message AttributeContext message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.AttributeContext.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes an AttributeContext message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.AttributeContext & envoy.service.auth.v3.AttributeContext.$Shape} AttributeContext
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.AttributeContext & envoy.service.auth.v3.AttributeContext.$Shape;

                    /**
                     * Gets the type url for AttributeContext
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace AttributeContext {

                    /** Properties of an AttributeContext. */
                    interface $Properties {

                        /** AttributeContext source */
                        source?: (envoy.service.auth.v3.AttributeContext.Peer.$Properties|null);

                        /** AttributeContext request */
                        request?: (envoy.service.auth.v3.AttributeContext.Request.$Properties|null);

                        /** AttributeContext contextExtensions */
                        contextExtensions?: ({ [k: string]: string }|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of an AttributeContext. */
                    type $Shape = envoy.service.auth.v3.AttributeContext.$Properties;

                    /**
                     * Properties of a Peer.
                     * @deprecated Use envoy.service.auth.v3.AttributeContext.Peer.$Properties instead.
                     */
                    interface IPeer extends envoy.service.auth.v3.AttributeContext.Peer.$Properties {
                    }

                    /** Represents a Peer. */
                    class Peer {

                        /**
                         * Constructs a new Peer.
                         * @param [properties] Properties to set
                         */
                        constructor(properties?: envoy.service.auth.v3.AttributeContext.Peer.$Properties);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];

                        /** Peer address. */
                        address?: (envoy.service.auth.v3.Address.$Properties|null);

                        /**
                         * Encodes the specified Peer message. Does not implicitly {@link envoy.service.auth.v3.AttributeContext.Peer.verify|verify} messages.
                         * @param message Peer message or plain object to encode
                         * @param [writer] Writer to encode to
                         * @returns Writer
                         */
                        static encode(message: envoy.service.auth.v3.AttributeContext.Peer.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                        /**
                         * Decodes a Peer message from the specified reader or buffer.
                         * @param reader Reader or buffer to decode from
                         * @param [length] Message length if known beforehand
                         * @returns {envoy.service.auth.v3.AttributeContext.Peer & envoy.service.auth.v3.AttributeContext.Peer.$Shape} Peer
                         * @throws {Error} If the payload is not a reader or valid buffer
                         * @throws {$protobuf.util.ProtocolError} If required fields are missing
                         */
                        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.AttributeContext.Peer & envoy.service.auth.v3.AttributeContext.Peer.$Shape;

                        /**
                         * Gets the type url for Peer
                         * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                         * @returns The type url
                         */
                        static getTypeUrl(prefix?: string): string;
                    }

                    namespace Peer {

                        /** Properties of a Peer. */
                        interface $Properties {

                            /** Peer address */
                            address?: (envoy.service.auth.v3.Address.$Properties|null);

                            /** Unknown fields preserved while decoding when enabled */
                            $unknowns?: Uint8Array[];
                        }

                        /** Shape of a Peer. */
                        type $Shape = envoy.service.auth.v3.AttributeContext.Peer.$Properties;
                    }

                    /**
                     * Properties of a Request.
                     * @deprecated Use envoy.service.auth.v3.AttributeContext.Request.$Properties instead.
                     */
                    interface IRequest extends envoy.service.auth.v3.AttributeContext.Request.$Properties {
                    }

                    /** Represents a Request. */
                    class Request {

                        /**
                         * Constructs a new Request.
                         * @param [properties] Properties to set
                         */
                        constructor(properties?: envoy.service.auth.v3.AttributeContext.Request.$Properties);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];

                        /** Request http. */
                        http?: (envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties|null);

                        /**
                         * Encodes the specified Request message. Does not implicitly {@link envoy.service.auth.v3.AttributeContext.Request.verify|verify} messages.
                         * @param message Request message or plain object to encode
                         * @param [writer] Writer to encode to
                         * @returns Writer
                         */
                        static encode(message: envoy.service.auth.v3.AttributeContext.Request.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                        /**
                         * Decodes a Request message from the specified reader or buffer.
                         * @param reader Reader or buffer to decode from
                         * @param [length] Message length if known beforehand
                         * @returns {envoy.service.auth.v3.AttributeContext.Request & envoy.service.auth.v3.AttributeContext.Request.$Shape} Request
                         * @throws {Error} If the payload is not a reader or valid buffer
                         * @throws {$protobuf.util.ProtocolError} If required fields are missing
                         */
                        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.AttributeContext.Request & envoy.service.auth.v3.AttributeContext.Request.$Shape;

                        /**
                         * Gets the type url for Request
                         * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                         * @returns The type url
                         */
                        static getTypeUrl(prefix?: string): string;
                    }

                    namespace Request {

                        /** Properties of a Request. */
                        interface $Properties {

                            /** Request http */
                            http?: (envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties|null);

                            /** Unknown fields preserved while decoding when enabled */
                            $unknowns?: Uint8Array[];
                        }

                        /** Shape of a Request. */
                        type $Shape = envoy.service.auth.v3.AttributeContext.Request.$Properties;
                    }

                    /**
                     * Properties of a HttpRequest.
                     * @deprecated Use envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties instead.
                     */
                    interface IHttpRequest extends envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties {
                    }

                    /** Represents a HttpRequest. */
                    class HttpRequest {

                        /**
                         * Constructs a new HttpRequest.
                         * @param [properties] Properties to set
                         */
                        constructor(properties?: envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];

                        /** HttpRequest id. */
                        id: string;

                        /** HttpRequest method. */
                        method: string;

                        /** HttpRequest headers. */
                        headers: { [k: string]: string };

                        /** HttpRequest path. */
                        path: string;

                        /** HttpRequest host. */
                        host: string;

                        /** HttpRequest headerMap. */
                        headerMap?: (envoy.service.auth.v3.HeaderMap.$Properties|null);

                        /**
                         * Encodes the specified HttpRequest message. Does not implicitly {@link envoy.service.auth.v3.AttributeContext.HttpRequest.verify|verify} messages.
                         * @param message HttpRequest message or plain object to encode
                         * @param [writer] Writer to encode to
                         * @returns Writer
                         */
                        static encode(message: envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                        /**
                         * Decodes a HttpRequest message from the specified reader or buffer.
                         * @param reader Reader or buffer to decode from
                         * @param [length] Message length if known beforehand
                         * @returns {envoy.service.auth.v3.AttributeContext.HttpRequest & envoy.service.auth.v3.AttributeContext.HttpRequest.$Shape} HttpRequest
                         * @throws {Error} If the payload is not a reader or valid buffer
                         * @throws {$protobuf.util.ProtocolError} If required fields are missing
                         */
                        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.AttributeContext.HttpRequest & envoy.service.auth.v3.AttributeContext.HttpRequest.$Shape;

                        /**
                         * Gets the type url for HttpRequest
                         * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                         * @returns The type url
                         */
                        static getTypeUrl(prefix?: string): string;
                    }

                    namespace HttpRequest {

                        /** Properties of a HttpRequest. */
                        interface $Properties {

                            /** HttpRequest id */
                            id?: (string|null);

                            /** HttpRequest method */
                            method?: (string|null);

                            /** HttpRequest headers */
                            headers?: ({ [k: string]: string }|null);

                            /** HttpRequest path */
                            path?: (string|null);

                            /** HttpRequest host */
                            host?: (string|null);

                            /** HttpRequest headerMap */
                            headerMap?: (envoy.service.auth.v3.HeaderMap.$Properties|null);

                            /** Unknown fields preserved while decoding when enabled */
                            $unknowns?: Uint8Array[];
                        }

                        /** Shape of a HttpRequest. */
                        type $Shape = envoy.service.auth.v3.AttributeContext.HttpRequest.$Properties;
                    }
                }

                /**
                 * Properties of an Address.
                 * @deprecated Use envoy.service.auth.v3.Address.$Properties instead.
                 */
                interface IAddress extends envoy.service.auth.v3.Address.$Properties {
                }

                /** Represents an Address. */
                class Address {

                    /**
                     * Constructs a new Address.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.Address.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** Address socketAddress. */
                    socketAddress?: (envoy.service.auth.v3.SocketAddress.$Properties|null);

                    /**
                     * Encodes the specified Address message. Does not implicitly {@link envoy.service.auth.v3.Address.verify|verify} messages.
                     * @param message Address message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.Address.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes an Address message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.Address & envoy.service.auth.v3.Address.$Shape} Address
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.Address & envoy.service.auth.v3.Address.$Shape;

                    /**
                     * Gets the type url for Address
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace Address {

                    /** Properties of an Address. */
                    interface $Properties {

                        /** Address socketAddress */
                        socketAddress?: (envoy.service.auth.v3.SocketAddress.$Properties|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of an Address. */
                    type $Shape = envoy.service.auth.v3.Address.$Properties;
                }

                /**
                 * Properties of a SocketAddress.
                 * @deprecated Use envoy.service.auth.v3.SocketAddress.$Properties instead.
                 */
                interface ISocketAddress extends envoy.service.auth.v3.SocketAddress.$Properties {
                }

                /** Represents a SocketAddress. */
                class SocketAddress {

                    /**
                     * Constructs a new SocketAddress.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.SocketAddress.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** SocketAddress address. */
                    address: string;

                    /**
                     * Encodes the specified SocketAddress message. Does not implicitly {@link envoy.service.auth.v3.SocketAddress.verify|verify} messages.
                     * @param message SocketAddress message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.SocketAddress.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a SocketAddress message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.SocketAddress & envoy.service.auth.v3.SocketAddress.$Shape} SocketAddress
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.SocketAddress & envoy.service.auth.v3.SocketAddress.$Shape;

                    /**
                     * Gets the type url for SocketAddress
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace SocketAddress {

                    /** Properties of a SocketAddress. */
                    interface $Properties {

                        /** SocketAddress address */
                        address?: (string|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a SocketAddress. */
                    type $Shape = envoy.service.auth.v3.SocketAddress.$Properties;
                }

                /**
                 * Properties of a HeaderMap.
                 * @deprecated Use envoy.service.auth.v3.HeaderMap.$Properties instead.
                 */
                interface IHeaderMap extends envoy.service.auth.v3.HeaderMap.$Properties {
                }

                /** Represents a HeaderMap. */
                class HeaderMap {

                    /**
                     * Constructs a new HeaderMap.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.HeaderMap.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** HeaderMap headers. */
                    headers: envoy.service.auth.v3.HeaderValue.$Properties[];

                    /**
                     * Encodes the specified HeaderMap message. Does not implicitly {@link envoy.service.auth.v3.HeaderMap.verify|verify} messages.
                     * @param message HeaderMap message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.HeaderMap.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a HeaderMap message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.HeaderMap & envoy.service.auth.v3.HeaderMap.$Shape} HeaderMap
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.HeaderMap & envoy.service.auth.v3.HeaderMap.$Shape;

                    /**
                     * Gets the type url for HeaderMap
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace HeaderMap {

                    /** Properties of a HeaderMap. */
                    interface $Properties {

                        /** HeaderMap headers */
                        headers?: (envoy.service.auth.v3.HeaderValue.$Properties[]|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a HeaderMap. */
                    type $Shape = envoy.service.auth.v3.HeaderMap.$Properties;
                }

                /**
                 * Properties of a HeaderValue.
                 * @deprecated Use envoy.service.auth.v3.HeaderValue.$Properties instead.
                 */
                interface IHeaderValue extends envoy.service.auth.v3.HeaderValue.$Properties {
                }

                /** Represents a HeaderValue. */
                class HeaderValue {

                    /**
                     * Constructs a new HeaderValue.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.HeaderValue.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** HeaderValue key. */
                    key: string;

                    /** HeaderValue value. */
                    value: string;

                    /** HeaderValue rawValue. */
                    rawValue: Uint8Array;

                    /**
                     * Encodes the specified HeaderValue message. Does not implicitly {@link envoy.service.auth.v3.HeaderValue.verify|verify} messages.
                     * @param message HeaderValue message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.HeaderValue.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a HeaderValue message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.HeaderValue & envoy.service.auth.v3.HeaderValue.$Shape} HeaderValue
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.HeaderValue & envoy.service.auth.v3.HeaderValue.$Shape;

                    /**
                     * Gets the type url for HeaderValue
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace HeaderValue {

                    /** Properties of a HeaderValue. */
                    interface $Properties {

                        /** HeaderValue key */
                        key?: (string|null);

                        /** HeaderValue value */
                        value?: (string|null);

                        /** HeaderValue rawValue */
                        rawValue?: (Uint8Array|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a HeaderValue. */
                    type $Shape = envoy.service.auth.v3.HeaderValue.$Properties;
                }

                /**
                 * Properties of a HeaderValueOption.
                 * @deprecated Use envoy.service.auth.v3.HeaderValueOption.$Properties instead.
                 */
                interface IHeaderValueOption extends envoy.service.auth.v3.HeaderValueOption.$Properties {
                }

                /** Represents a HeaderValueOption. */
                class HeaderValueOption {

                    /**
                     * Constructs a new HeaderValueOption.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.HeaderValueOption.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** HeaderValueOption header. */
                    header?: (envoy.service.auth.v3.HeaderValue.$Properties|null);

                    /** HeaderValueOption appendAction. */
                    appendAction: envoy.service.auth.v3.HeaderAppendAction;

                    /**
                     * Encodes the specified HeaderValueOption message. Does not implicitly {@link envoy.service.auth.v3.HeaderValueOption.verify|verify} messages.
                     * @param message HeaderValueOption message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.HeaderValueOption.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a HeaderValueOption message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.HeaderValueOption & envoy.service.auth.v3.HeaderValueOption.$Shape} HeaderValueOption
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.HeaderValueOption & envoy.service.auth.v3.HeaderValueOption.$Shape;

                    /**
                     * Gets the type url for HeaderValueOption
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace HeaderValueOption {

                    /** Properties of a HeaderValueOption. */
                    interface $Properties {

                        /** HeaderValueOption header */
                        header?: (envoy.service.auth.v3.HeaderValue.$Properties|null);

                        /** HeaderValueOption appendAction */
                        appendAction?: (envoy.service.auth.v3.HeaderAppendAction|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a HeaderValueOption. */
                    type $Shape = envoy.service.auth.v3.HeaderValueOption.$Properties;
                }

                /** HeaderAppendAction enum. */
                enum HeaderAppendAction {

                    /** APPEND_IF_EXISTS_OR_ADD value */
                    APPEND_IF_EXISTS_OR_ADD = 0,

                    /** ADD_IF_ABSENT value */
                    ADD_IF_ABSENT = 1,

                    /** OVERWRITE_IF_EXISTS_OR_ADD value */
                    OVERWRITE_IF_EXISTS_OR_ADD = 2
                }

                /**
                 * Properties of a CheckResponse.
                 * @deprecated Use envoy.service.auth.v3.CheckResponse.$Properties instead.
                 */
                interface ICheckResponse extends envoy.service.auth.v3.CheckResponse.$Properties {
                }

                /** Represents a CheckResponse. */
                class CheckResponse {

                    /**
                     * Constructs a new CheckResponse.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.CheckResponse.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** CheckResponse status. */
                    status?: (envoy.service.auth.v3.Status.$Properties|null);

                    /** CheckResponse deniedResponse. */
                    deniedResponse?: (envoy.service.auth.v3.DeniedHttpResponse.$Properties|null);

                    /** CheckResponse okResponse. */
                    okResponse?: (envoy.service.auth.v3.OkHttpResponse.$Properties|null);

                    /** CheckResponse dynamicMetadata. */
                    dynamicMetadata?: (envoy.service.auth.v3.Struct.$Properties|null);

                    /** CheckResponse httpResponse. */
                    httpResponse?: ("deniedResponse"|"okResponse");

                    /**
                     * Encodes the specified CheckResponse message. Does not implicitly {@link envoy.service.auth.v3.CheckResponse.verify|verify} messages.
                     * @param message CheckResponse message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.CheckResponse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a CheckResponse message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.CheckResponse & envoy.service.auth.v3.CheckResponse.$Shape} CheckResponse
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.CheckResponse & envoy.service.auth.v3.CheckResponse.$Shape;

                    /**
                     * Gets the type url for CheckResponse
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace CheckResponse {

                    /** Properties of a CheckResponse. */
                    interface $Properties {

                        /** CheckResponse status */
                        status?: (envoy.service.auth.v3.Status.$Properties|null);

                        /** CheckResponse deniedResponse */
                        deniedResponse?: (envoy.service.auth.v3.DeniedHttpResponse.$Properties|null);

                        /** CheckResponse okResponse */
                        okResponse?: (envoy.service.auth.v3.OkHttpResponse.$Properties|null);

                        /** CheckResponse dynamicMetadata */
                        dynamicMetadata?: (envoy.service.auth.v3.Struct.$Properties|null);

                        /** CheckResponse httpResponse */
                        httpResponse?: ("deniedResponse"|"okResponse");

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Narrowed shape of a CheckResponse. */
                    type $Shape = {
                      status?: envoy.service.auth.v3.Status.$Shape|null;
                      deniedResponse?: envoy.service.auth.v3.DeniedHttpResponse.$Shape|null;
                      okResponse?: envoy.service.auth.v3.OkHttpResponse.$Shape|null;
                      dynamicMetadata?: envoy.service.auth.v3.Struct.$Shape|null;
                      $unknowns?: Uint8Array[];
                    } & (
                      ({ httpResponse?: undefined; deniedResponse?: null; okResponse?: null }|{ httpResponse?: "deniedResponse"; deniedResponse: envoy.service.auth.v3.DeniedHttpResponse.$Shape; okResponse?: null }|{ httpResponse?: "okResponse"; deniedResponse?: null; okResponse: envoy.service.auth.v3.OkHttpResponse.$Shape })
                    );
                }

                /**
                 * Properties of a Status.
                 * @deprecated Use envoy.service.auth.v3.Status.$Properties instead.
                 */
                interface IStatus extends envoy.service.auth.v3.Status.$Properties {
                }

                /** Represents a Status. */
                class Status {

                    /**
                     * Constructs a new Status.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.Status.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** Status code. */
                    code: number;

                    /**
                     * Encodes the specified Status message. Does not implicitly {@link envoy.service.auth.v3.Status.verify|verify} messages.
                     * @param message Status message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.Status.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a Status message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.Status & envoy.service.auth.v3.Status.$Shape} Status
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.Status & envoy.service.auth.v3.Status.$Shape;

                    /**
                     * Gets the type url for Status
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace Status {

                    /** Properties of a Status. */
                    interface $Properties {

                        /** Status code */
                        code?: (number|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a Status. */
                    type $Shape = envoy.service.auth.v3.Status.$Properties;
                }

                /**
                 * Properties of a DeniedHttpResponse.
                 * @deprecated Use envoy.service.auth.v3.DeniedHttpResponse.$Properties instead.
                 */
                interface IDeniedHttpResponse extends envoy.service.auth.v3.DeniedHttpResponse.$Properties {
                }

                /** Represents a DeniedHttpResponse. */
                class DeniedHttpResponse {

                    /**
                     * Constructs a new DeniedHttpResponse.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.DeniedHttpResponse.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** DeniedHttpResponse status. */
                    status?: (envoy.service.auth.v3.HttpStatus.$Properties|null);

                    /** DeniedHttpResponse headers. */
                    headers: envoy.service.auth.v3.HeaderValueOption.$Properties[];

                    /** DeniedHttpResponse body. */
                    body: string;

                    /**
                     * Encodes the specified DeniedHttpResponse message. Does not implicitly {@link envoy.service.auth.v3.DeniedHttpResponse.verify|verify} messages.
                     * @param message DeniedHttpResponse message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.DeniedHttpResponse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a DeniedHttpResponse message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.DeniedHttpResponse & envoy.service.auth.v3.DeniedHttpResponse.$Shape} DeniedHttpResponse
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.DeniedHttpResponse & envoy.service.auth.v3.DeniedHttpResponse.$Shape;

                    /**
                     * Gets the type url for DeniedHttpResponse
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace DeniedHttpResponse {

                    /** Properties of a DeniedHttpResponse. */
                    interface $Properties {

                        /** DeniedHttpResponse status */
                        status?: (envoy.service.auth.v3.HttpStatus.$Properties|null);

                        /** DeniedHttpResponse headers */
                        headers?: (envoy.service.auth.v3.HeaderValueOption.$Properties[]|null);

                        /** DeniedHttpResponse body */
                        body?: (string|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a DeniedHttpResponse. */
                    type $Shape = envoy.service.auth.v3.DeniedHttpResponse.$Properties;
                }

                /**
                 * Properties of a HttpStatus.
                 * @deprecated Use envoy.service.auth.v3.HttpStatus.$Properties instead.
                 */
                interface IHttpStatus extends envoy.service.auth.v3.HttpStatus.$Properties {
                }

                /** Represents a HttpStatus. */
                class HttpStatus {

                    /**
                     * Constructs a new HttpStatus.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.HttpStatus.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** HttpStatus code. */
                    code: number;

                    /**
                     * Encodes the specified HttpStatus message. Does not implicitly {@link envoy.service.auth.v3.HttpStatus.verify|verify} messages.
                     * @param message HttpStatus message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.HttpStatus.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a HttpStatus message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.HttpStatus & envoy.service.auth.v3.HttpStatus.$Shape} HttpStatus
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.HttpStatus & envoy.service.auth.v3.HttpStatus.$Shape;

                    /**
                     * Gets the type url for HttpStatus
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace HttpStatus {

                    /** Properties of a HttpStatus. */
                    interface $Properties {

                        /** HttpStatus code */
                        code?: (number|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a HttpStatus. */
                    type $Shape = envoy.service.auth.v3.HttpStatus.$Properties;
                }

                /**
                 * Properties of an OkHttpResponse.
                 * @deprecated Use envoy.service.auth.v3.OkHttpResponse.$Properties instead.
                 */
                interface IOkHttpResponse extends envoy.service.auth.v3.OkHttpResponse.$Properties {
                }

                /** Represents an OkHttpResponse. */
                class OkHttpResponse {

                    /**
                     * Constructs a new OkHttpResponse.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.OkHttpResponse.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** OkHttpResponse headers. */
                    headers: envoy.service.auth.v3.HeaderValueOption.$Properties[];

                    /** OkHttpResponse headersToRemove. */
                    headersToRemove: string[];

                    /** OkHttpResponse responseHeadersToAdd. */
                    responseHeadersToAdd: envoy.service.auth.v3.HeaderValueOption.$Properties[];

                    /**
                     * Encodes the specified OkHttpResponse message. Does not implicitly {@link envoy.service.auth.v3.OkHttpResponse.verify|verify} messages.
                     * @param message OkHttpResponse message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.OkHttpResponse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes an OkHttpResponse message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.OkHttpResponse & envoy.service.auth.v3.OkHttpResponse.$Shape} OkHttpResponse
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.OkHttpResponse & envoy.service.auth.v3.OkHttpResponse.$Shape;

                    /**
                     * Gets the type url for OkHttpResponse
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace OkHttpResponse {

                    /** Properties of an OkHttpResponse. */
                    interface $Properties {

                        /** OkHttpResponse headers */
                        headers?: (envoy.service.auth.v3.HeaderValueOption.$Properties[]|null);

                        /** OkHttpResponse headersToRemove */
                        headersToRemove?: (string[]|null);

                        /** OkHttpResponse responseHeadersToAdd */
                        responseHeadersToAdd?: (envoy.service.auth.v3.HeaderValueOption.$Properties[]|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of an OkHttpResponse. */
                    type $Shape = envoy.service.auth.v3.OkHttpResponse.$Properties;
                }

                /**
                 * Properties of a Struct.
                 * @deprecated Use envoy.service.auth.v3.Struct.$Properties instead.
                 */
                interface IStruct extends envoy.service.auth.v3.Struct.$Properties {
                }

                /** Represents a Struct. */
                class Struct {

                    /**
                     * Constructs a new Struct.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.Struct.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** Struct fields. */
                    fields: { [k: string]: envoy.service.auth.v3.Value.$Properties };

                    /**
                     * Encodes the specified Struct message. Does not implicitly {@link envoy.service.auth.v3.Struct.verify|verify} messages.
                     * @param message Struct message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.Struct.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a Struct message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.Struct & envoy.service.auth.v3.Struct.$Shape} Struct
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.Struct & envoy.service.auth.v3.Struct.$Shape;

                    /**
                     * Gets the type url for Struct
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace Struct {

                    /** Properties of a Struct. */
                    interface $Properties {

                        /** Struct fields */
                        fields?: ({ [k: string]: envoy.service.auth.v3.Value.$Properties }|null);

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Shape of a Struct. */
                    type $Shape = {
                      fields?: { [k: string]: envoy.service.auth.v3.Value.$Shape }|null;
                      $unknowns?: Uint8Array[];
                    };
                }

                /**
                 * Properties of a Value.
                 * @deprecated Use envoy.service.auth.v3.Value.$Properties instead.
                 */
                interface IValue extends envoy.service.auth.v3.Value.$Properties {
                }

                /** Represents a Value. */
                class Value {

                    /**
                     * Constructs a new Value.
                     * @param [properties] Properties to set
                     */
                    constructor(properties?: envoy.service.auth.v3.Value.$Properties);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];

                    /** Value numberValue. */
                    numberValue?: (number|null);

                    /** Value stringValue. */
                    stringValue?: (string|null);

                    /** Value boolValue. */
                    boolValue?: (boolean|null);

                    /** Value structValue. */
                    structValue?: (envoy.service.auth.v3.Struct.$Properties|null);

                    /** Value kind. */
                    kind?: ("numberValue"|"stringValue"|"boolValue"|"structValue");

                    /**
                     * Encodes the specified Value message. Does not implicitly {@link envoy.service.auth.v3.Value.verify|verify} messages.
                     * @param message Value message or plain object to encode
                     * @param [writer] Writer to encode to
                     * @returns Writer
                     */
                    static encode(message: envoy.service.auth.v3.Value.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                    /**
                     * Decodes a Value message from the specified reader or buffer.
                     * @param reader Reader or buffer to decode from
                     * @param [length] Message length if known beforehand
                     * @returns {envoy.service.auth.v3.Value & envoy.service.auth.v3.Value.$Shape} Value
                     * @throws {Error} If the payload is not a reader or valid buffer
                     * @throws {$protobuf.util.ProtocolError} If required fields are missing
                     */
                    static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): envoy.service.auth.v3.Value & envoy.service.auth.v3.Value.$Shape;

                    /**
                     * Gets the type url for Value
                     * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                     * @returns The type url
                     */
                    static getTypeUrl(prefix?: string): string;
                }

                namespace Value {

                    /** Properties of a Value. */
                    interface $Properties {

                        /** Value numberValue */
                        numberValue?: (number|null);

                        /** Value stringValue */
                        stringValue?: (string|null);

                        /** Value boolValue */
                        boolValue?: (boolean|null);

                        /** Value structValue */
                        structValue?: (envoy.service.auth.v3.Struct.$Properties|null);

                        /** Value kind */
                        kind?: ("numberValue"|"stringValue"|"boolValue"|"structValue");

                        /** Unknown fields preserved while decoding when enabled */
                        $unknowns?: Uint8Array[];
                    }

                    /** Narrowed shape of a Value. */
                    type $Shape = {
                      numberValue?: number|null;
                      stringValue?: string|null;
                      boolValue?: boolean|null;
                      structValue?: envoy.service.auth.v3.Struct.$Shape|null;
                      $unknowns?: Uint8Array[];
                    } & (
                      ({ kind?: undefined; numberValue?: null; stringValue?: null; boolValue?: null; structValue?: null }|{ kind?: "numberValue"; numberValue: number; stringValue?: null; boolValue?: null; structValue?: null }|{ kind?: "stringValue"; numberValue?: null; stringValue: string; boolValue?: null; structValue?: null }|{ kind?: "boolValue"; numberValue?: null; stringValue?: null; boolValue: boolean; structValue?: null }|{ kind?: "structValue"; numberValue?: null; stringValue?: null; boolValue?: null; structValue: envoy.service.auth.v3.Struct.$Shape })
                    );
                }
            }
        }
    }
}

/** Namespace grpc. */
export namespace grpc {

    /** Namespace health. */
    namespace health {

        /** Namespace v1. */
        namespace v1 {

            /**
             * Properties of a HealthCheckRequest.
             * @deprecated Use grpc.health.v1.HealthCheckRequest.$Properties instead.
             */
            interface IHealthCheckRequest extends grpc.health.v1.HealthCheckRequest.$Properties {
            }

            /** Represents a HealthCheckRequest. */
            class HealthCheckRequest {

                /**
                 * Constructs a new HealthCheckRequest.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: grpc.health.v1.HealthCheckRequest.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** HealthCheckRequest service. */
                service: string;

                /**
                 * Encodes the specified HealthCheckRequest message. Does not implicitly {@link grpc.health.v1.HealthCheckRequest.verify|verify} messages.
                 * @param message HealthCheckRequest message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: grpc.health.v1.HealthCheckRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a HealthCheckRequest message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {grpc.health.v1.HealthCheckRequest & grpc.health.v1.HealthCheckRequest.$Shape} HealthCheckRequest
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): grpc.health.v1.HealthCheckRequest & grpc.health.v1.HealthCheckRequest.$Shape;

                /**
                 * Gets the type url for HealthCheckRequest
                 * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                 * @returns The type url
                 */
                static getTypeUrl(prefix?: string): string;
            }

            namespace HealthCheckRequest {

                /** Properties of a HealthCheckRequest. */
                interface $Properties {

                    /** HealthCheckRequest service */
                    service?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a HealthCheckRequest. */
                type $Shape = grpc.health.v1.HealthCheckRequest.$Properties;
            }

            /**
             * Properties of a HealthCheckResponse.
             * @deprecated Use grpc.health.v1.HealthCheckResponse.$Properties instead.
             */
            interface IHealthCheckResponse extends grpc.health.v1.HealthCheckResponse.$Properties {
            }

            /** Represents a HealthCheckResponse. */
            class HealthCheckResponse {

                /**
                 * Constructs a new HealthCheckResponse.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: grpc.health.v1.HealthCheckResponse.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** HealthCheckResponse status. */
                status: grpc.health.v1.HealthCheckResponse.ServingStatus;

                /**
                 * Encodes the specified HealthCheckResponse message. Does not implicitly {@link grpc.health.v1.HealthCheckResponse.verify|verify} messages.
                 * @param message HealthCheckResponse message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: grpc.health.v1.HealthCheckResponse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a HealthCheckResponse message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {grpc.health.v1.HealthCheckResponse & grpc.health.v1.HealthCheckResponse.$Shape} HealthCheckResponse
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): grpc.health.v1.HealthCheckResponse & grpc.health.v1.HealthCheckResponse.$Shape;

                /**
                 * Gets the type url for HealthCheckResponse
                 * @param [prefix] Custom type url prefix, defaults to `"type.googleapis.com"`
                 * @returns The type url
                 */
                static getTypeUrl(prefix?: string): string;
            }

            namespace HealthCheckResponse {

                /** Properties of a HealthCheckResponse. */
                interface $Properties {

                    /** HealthCheckResponse status */
                    status?: (grpc.health.v1.HealthCheckResponse.ServingStatus|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a HealthCheckResponse. */
                type $Shape = grpc.health.v1.HealthCheckResponse.$Properties;

                /** ServingStatus enum. */
                enum ServingStatus {

                    /** UNKNOWN value */
                    UNKNOWN = 0,

                    /** SERVING value */
                    SERVING = 1,

                    /** NOT_SERVING value */
                    NOT_SERVING = 2,

                    /** SERVICE_UNKNOWN value */
                    SERVICE_UNKNOWN = 3
                }
            }
        }
    }
}
